import AsyncHTTPClient
import Foundation
import Synchronization

/// What the router's hop adds, at a quarter of full load: an open-loop generator sends at a fixed
/// rate whether or not answers come, so that waiting is not hidden.
///
/// The cell's own part is what the router's metrics say it waited for the cell.
struct HopBench {
  let system: SystemUnderTest
  let tenants: [BenchTenant]
  let perSecond: Double

  func run(seconds: Int) async throws -> [Row] {
    progress("http: open loop at \(Int(perSecond)) requests/s")
    let before = try await forwarded()
    let whole = try await latencies(seconds: seconds)
    let after = try await forwarded()
    let inside = after.subtracting(before)
    let p50 = percentile(whole, 0.5) / 1000
    let p99 = percentile(whole, 0.99) / 1000
    let facts: [String: Any] = [
      "requests": whole.count, "requests_per_second": perSecond.rounded(), "whole_p50_ms": p50,
      "whole_p99_ms": p99, "cell_p50_ms": inside.quantile(0.5),
      "cell_p99_ms": inside.quantile(0.99),
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

  /// Microseconds of each request, sorted.
  private func latencies(seconds: Int) async throws -> [Double] {
    let clock = ContinuousClock()
    let begin = clock.now
    let results = Latencies()
    let client = system.client
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<Int(perSecond * Double(seconds)) {
        let due = begin + .microseconds(Int64(Double(index) * 1_000_000 / perSecond))
        try await Task.sleep(until: due, clock: clock)
        let tenant = tenants[index % tenants.count]
        group.addTask {
          let request = try tenant.message(to: index % 10_000_000, client)
          let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
          _ = try await response.body.collect(upTo: 1 << 20)
          guard response.status.code == 202 else {
            throw BenchFailure("a request was refused: \(response.status.code)")
          }
          let spent = (clock.now - due).components
          let micros = Double(spent.seconds) * 1e6 + Double(spent.attoseconds) / 1e12
          results.add(micros)
        }
      }
      try await group.waitForAll()
    }
    return results.sorted
  }

  /// The router's histogram of what it waited for cells.
  private func forwarded() async throws -> ScrapedHistogram {
    let text = try await BenchClient.metrics(try system.healthURL(of: "router"))
    return ScrapedHistogram(text, name: "aimstors_router_forward_seconds")
  }
}

/// What many tasks measured.
private final class Latencies: Sendable {
  private let values = Mutex<[Double]>([])
  func add(_ microseconds: Double) { values.withLock { $0.append(microseconds) } }
  var sorted: [Double] { values.withLock { $0.sorted() } }
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
