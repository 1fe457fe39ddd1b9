import Edge
import Hummingbird
import Platform
import Wire

/// `/v1/status` for operators; `/healthz`, `/readyz` and `/metrics` as every process has them.
struct StatusRoutes: Sendable {
  let services: AdminServices

  func register(on router: Router<EdgeContext>) {
    router.get("/v1/status") { _, _ in try await StatusCollector(services: services).report() }
  }
}

/// The control plane's metrics, pulled.
struct ControlPlaneMetrics: Sendable {
  let services: AdminServices
  /// Whether secrets may be sealed with an older key.
  let isResealing: Bool

  func render() async -> String {
    let map = await services.map.summary
    let sights = services.roster.sights()
    let waiting = (try? await services.store.read { try $0.waitingDirectives() }) ?? [:]
    let spools = services.spools.lastSizes()
    func perCell(_ value: (CellRoster.Sight) -> Int64) -> [MetricFamily.Sample] {
      sights.map {
        .init(labels: [(name: "cell", value: $0.record.id.rawValue)], value: .integer(value($0)))
      }
    }
    let text = PrometheusText(labels: [
      (name: "control_plane", value: services.configuration.id),
      (name: "version", value: services.configuration.version),
    ])
    return text.render(
      [
        .gauge(
          "aimstors_map_version", "Version of the placement map", Int64(clamping: map.version)),
        .gauge(
          "aimstors_reseal_left", "Whether secrets are not sealed with the newest key yet.",
          isResealing ? 1 : 0),
        .gauge("aimstors_map_chunks", "Chunks of the placement map", Int64(map.chunks)),
        .gauge("aimstors_map_entries", "Entries of the placement map", Int64(map.entries)),
        MetricFamily(
          "aimstors_cell_alive", "Whether heartbeats arrive", .gauge, perCell { $0.isAlive ? 1 : 0 }
        ),
        MetricFamily(
          "aimstors_directives_waiting", "Stops, states and tenants not acknowledged", .gauge,
          perCell { Int64(waiting[$0.record.id]?.count ?? 0) }),
        MetricFamily(
          "aimstors_spool_entries", "Webhook parts seen in the spool by the last round", .gauge,
          perCell { Int64(spools[$0.record.id]?.entries ?? 0) }),
      ] + (services.configuration.watch?.metrics() ?? []))
  }
}
