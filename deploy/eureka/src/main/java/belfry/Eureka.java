package belfry;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.cloud.netflix.eureka.server.EnableEurekaServer;

/** A Eureka server of its own, without peers. */
@SpringBootApplication
@EnableEurekaServer
public class Eureka {
  public static void main(String[] arguments) {
    SpringApplication.run(Eureka.class, arguments);
  }
}
