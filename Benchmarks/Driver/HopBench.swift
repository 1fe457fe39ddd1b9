import Foundation

/// What the router's hop adds, at a quarter of full load.
///
/// The cell's own part is what the router's metrics say it waited for the cell.
struct HopBench {
  let system: SystemUnderTest
  let tenants: [BenchTenant]
  let perSecond: Double

  func run(seconds: Int) async throws -> [Row] {
    progress("http: open loop at \(Int(perSecond)) requests/s")
    let before = try await router()
    let loop = OpenLoop(client: system.client, tenants: tenants, perSecond: perSecond)
    let whole = try await loop.latencies(seconds: seconds)
    let after = try await router()
    let inside = after.forward.subtracting(before.forward)
    let handled = after.whole.subtracting(before.whole)
    let p50 = percentile(whole, 0.5) / 1000
    let p99 = percentile(whole, 0.99) / 1000
    let facts: [String: Any] = [
      "requests": whole.count, "requests_per_second": perSecond.rounded(), "whole_p50_ms": p50,
      "whole_p99_ms": p99, "cell_p50_ms": inside.quantile(0.5),
      "cell_p99_ms": inside.quantile(0.99), "router_p50_ms": handled.quantile(0.5),
      "router_p99_ms": handled.quantile(0.99),
    ]
    return [
      Row(
        name: "http.router_added_p50_ms", value: max(0, p50 - inside.quantile(0.5)), unit: "ms",
        facts: facts),
      Row(
        name: "http.router_added_p99_ms", value: max(0, p99 - inside.quantile(0.99)), unit: "ms",
        facts: facts),
    ]
  }

  /// The router's histograms: what it waited for cells, and what it took for whole requests.
  private func router() async throws -> (forward: ScrapedHistogram, whole: ScrapedHistogram) {
    let text = try await BenchClient.metrics(try system.healthURL(of: "router"))
    return (
      ScrapedHistogram(text, name: "aimstors_router_forward_seconds"),
      ScrapedHistogram(text, name: "aimstors_router_request_seconds")
    )
  }
}

/// A histogram as Prometheus' text gives it.
struct ScrapedHistogram {
  /// Cumulative counts by upper bound in seconds.
  private var buckets: [Double: Double] = [:]

  init(_ text: String, name: String) {
    for line in text.split(separator: "\n") where line.hasPrefix(name + "_bucket") {
      guard let bound = line.firstMatch(of: /le="([^"]+)"/)?.1,
        let count = line.split(separator: " ").last.flatMap({ Double($0) })
      else { continue }
      buckets[bound == "+Inf" ? .infinity : Double(bound) ?? 0, default: 0] += count
    }
  }

  func subtracting(_ earlier: ScrapedHistogram) -> ScrapedHistogram {
    var result = self
    for (bound, count) in earlier.buckets { result.buckets[bound, default: 0] -= count }
    return result
  }

  /// Milliseconds, between the bounds of the bucket that holds the share.
  func quantile(_ share: Double) -> Double {
    let sorted = buckets.sorted { $0.key < $1.key }
    guard let total = sorted.last?.value, total > 0 else { return 0 }
    var (lower, below) = (0.0, 0.0)
    for (bound, count) in sorted {
      if count >= total * share {
        guard bound.isFinite, count > below else { return lower * 1000 }
        return (lower + (bound - lower) * (total * share - below) / (count - below)) * 1000
      }
      (lower, below) = (bound, count)
    }
    return lower * 1000
  }
}
