"""The metrics and labels that dashboards, rules and runbooks may name."""

_HTTP = {
    "http_server_active_requests",
    *(f"http_server_request_duration_seconds_{part}" for part in ("bucket", "count", "sum")),
    *(f"http_client_request_duration_seconds_{part}" for part in ("bucket", "count")),
}
_PARTS = {
    "cache_requests_total",
    "db_client_connection_count",
    *(f"db_client_operation_duration_seconds_{part}" for part in ("bucket", "count", "sum")),
    "messaging_dead_letter_total",
    "messaging_process_duration_seconds_bucket",
    "messaging_process_duration_seconds_count",
    "messaging_publish_total",
    "messaging_queue_depth",
    "messaging_queue_oldest_message_age_seconds",
    "messaging_queue_wait_seconds_bucket",
}
_RUNTIME = {
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "python_event_loop_lag_seconds_bucket",
    "python_gc_objects_collected_total",
    "python_gc_pause_seconds_bucket",
    "python_gc_pause_seconds_sum",
    "target_info",
    "telemetry_dropped_total",
    "telemetry_exported_total",
    "telemetry_queue_capacity",
    "telemetry_queue_size",
}
_SHOP = {
    "service_fault_value",
    "shop_order_to_shipment_seconds_bucket",
    "shop_order_value_euros_sum",
    "shop_orders_total",
    "shop_orders_unfinished",
    "shop_orders_unfinished_oldest_age_seconds",
    "shop_payments_total",
    "shop_sign_ins_total",
}
_SPANS = {"traces_span_metrics_calls_total", "traces_span_metrics_duration_seconds_bucket"}
_BACKENDS = {
    "alertmanager_notifications_failed_total",
    "alertmanager_notifications_total",
    "loki_distributor_bytes_received_total",
    "loki_ingester_memory_streams",
    "loki_request_duration_seconds_bucket",
    "otelcol_exporter_queue_capacity",
    "otelcol_exporter_queue_size",
    "otelcol_exporter_send_failed_log_records_total",
    "otelcol_exporter_send_failed_spans_total",
    "otelcol_exporter_sent_log_records_total",
    "otelcol_exporter_sent_metric_points_total",
    "otelcol_exporter_sent_spans_total",
    "otelcol_process_cpu_seconds_total",
    "otelcol_process_memory_rss_bytes",
    "otelcol_receiver_accepted_log_records_total",
    "otelcol_receiver_accepted_spans_total",
    "otelcol_receiver_refused_log_records_total",
    "otelcol_receiver_refused_spans_total",
    "prometheus_rule_evaluation_failures_total",
    "prometheus_rule_group_last_duration_seconds",
    "prometheus_tsdb_head_samples_appended_total",
    "prometheus_tsdb_head_series",
}
_INBOX = {"inbox_notifications_total"}
_TOLD = {
    "alert_deliveries_total",
    "background_task_failures_total",
    "inbox_alerts_left_out_total",
}
_WAITING = {
    "cache_age_seconds_bucket",
    "http_server_upstream_calls_count",
    "http_server_upstream_calls_sum",
    "outbox_oldest_event_age_seconds",
    "outbox_unsent_events",
    "shop_orders_unfinished",
    "shop_orders_unfinished_oldest_age_seconds",
    "shop_reservations_total",
}
_PROMETHEUS = {"ALERTS", "scrape_duration_seconds", "scrape_samples_post_metric_relabeling", "up"}

_ALERTS = {
    "alert_deliveries_total",
    "audit_chain_breaks",
    "background_task_failures_total",
    "cache_shared_available",
    "db_client_connection_max",
    "loki_distributor_lines_received_total",
    "loki_discarded_samples_total",
    "loki_prometheus_rule_evaluation_failures_total",
    "otelcol_exporter_enqueue_failed_log_records_total",
    "otelcol_exporter_enqueue_failed_spans_total",
    "prometheus_notifications_dropped_total",
    "prometheus_notifications_queue_length",
    "prometheus_rule_group_interval_seconds",
    "prometheus_sd_discovered_targets",
    "prometheus_target_scrapes_exceeded_sample_limit_total",
    "python_event_loop_lag_seconds_sum",
    "service_ready",
    "shop_order_to_shipment_seconds_count",
    "system_filesystem_free_bytes",
    "system_filesystem_size_bytes",
    "telemetry_errors_total",
}

RECORDED = {
    "cache:found:ratio",
    "dependency:latency:p95",
    "service:away:bool",
    "service:calls:info",
    "service:excused:bool",
    "prometheus:starting:bool",
    "queue:consumer:info",
    "queue:messages:age_seconds",
    "queue:messages:depth",
    "service:down:bool",
    "slo:bad_events:total",
    "slo:budget_remaining:ratio",
    "slo:burn_rate:ratio",
    "slo:error_budget:ratio",
    "slo:events:total",
    "slo:page:ratio",
    "slo:ticket:burn_rate",
}
"""Figures that recording rules make of the metrics."""

METRICS = (
    _HTTP
    | _PARTS
    | _RUNTIME
    | _SHOP
    | _SPANS
    | _BACKENDS
    | _INBOX
    | _TOLD
    | _WAITING
    | _PROMETHEUS
    | _ALERTS
)

LABELS = {
    *("service_name", "service_namespace", "service_version", "deployment_environment_name"),
    *("instance", "job", "le"),
    *("http_request_method", "http_response_status_code", "http_route", "server_address"),
    *("messaging_destination_name", "outcome", "cache", "result"),
    *("db_namespace", "db_operation_name", "state"),
    *("signal", "reason", "generation", "status"),
    *("span_name", "status_code"),
    *("alertname", "alertstate", "severity"),
    *("exporter", "integration", "method", "route", "receiver", "rule_group"),
    *("slo", "factor", "window", "span_kind", "chain", "device", "check", "component", "fault"),
    "task",
}
