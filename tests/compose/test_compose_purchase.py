"""What the native stack proves, proven on the containers by the same tests."""

from tests.e2e.test_e2e_alerts import broken_checkout, test_an_error_fault_rings_and_resolves
from tests.e2e.test_e2e_purchase import (
    purchase,
    test_an_exemplar_of_the_checkout_route_leads_to_a_trace,
    test_an_order_is_one_trace_across_services_and_the_queue,
    test_every_process_is_a_scrape_target_that_is_up,
    test_the_consumer_is_linked_to_the_message_it_processes,
    test_the_order_is_logged_by_at_least_five_services_with_its_trace_id,
)

__all__ = [
    "broken_checkout",
    "purchase",
    "test_an_error_fault_rings_and_resolves",
    "test_an_exemplar_of_the_checkout_route_leads_to_a_trace",
    "test_an_order_is_one_trace_across_services_and_the_queue",
    "test_every_process_is_a_scrape_target_that_is_up",
    "test_the_consumer_is_linked_to_the_message_it_processes",
    "test_the_order_is_logged_by_at_least_five_services_with_its_trace_id",
]
