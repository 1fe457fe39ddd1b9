import AsyncHTTPClient
import Foundation

/// What router and messaging add to a request at a quarter of full load.
///
/// A request's whole time, less what the cell's own handler takes of it, and at the median less
/// what the same open loop at the same rate measures of a bare server that answers "hello": the
/// generator's own lateness, its client and one HTTP exchange, which a cell with a socket would
/// cost, too. Quantiles do not subtract: so far out nothing is taken off for "hello", whose tail is
/// another moment's.
struct HopBench {
  let system: SystemUnderTest
  let tenants: [BenchTenant]
  let perSecond: Double

  func run(seconds: Int, beside bare: HelloServer) async throws -> [Row] {
    progress("http: open loop at \(Int(perSecond)) requests/s")
    let before = try await histograms()
    let whole = try await messages.latencies(seconds: seconds)
    let after = try await histograms()
    let direct = try await hellos(bare).latencies(seconds: seconds)
    let cell = after.cell.subtracting(before.cell)
    let forward = after.forward.subtracting(before.forward)
    let handled = after.router.subtracting(before.router)
    return [("p50", 0.5), ("p99", 0.99)].map { name, share in
      let all = percentile(whole, share) / 1000
      let hello = percentile(direct, share) / 1000
      let added = all - cell.quantile(share) - (share > 0.5 ? 0 : hello)
      let facts: [String: Any] = [
        "requests": whole.count, "requests_per_second": perSecond.rounded(), "whole_ms": all,
        "hello_ms": hello, "cell_ms": cell.quantile(share), "forward_ms": forward.quantile(share),
        "router_ms": handled.quantile(share),
      ]
      return Row(
        name: "http.router_added_\(name)_ms", value: added, unit: "ms", facts: facts)
    }
  }

  private var messages: OpenLoop {
    .messages(of: tenants, perSecond: perSecond, system.client)
  }

  /// Each is made as a message is, so that both cost the client the same.
  private func hellos(_ bare: HelloServer) -> OpenLoop {
    let messages = messages
    let url = bare.url
    return OpenLoop(perSecond: perSecond, status: 200) { index in
      var request = try messages.request(index)
      request.url = url
      request.method = .GET
      request.body = nil
      return request
    }
  }

  private typealias Histograms = (
    cell: ScrapedHistogram, forward: ScrapedHistogram, router: ScrapedHistogram
  )

  /// What the cell took, what the router waited for the cell, and what it took in all.
  private func histograms() async throws -> Histograms {
    let router = try await BenchClient.metrics(try system.healthURL(of: "router"))
    let cell = try await BenchClient.metrics(try system.healthURL(of: "cell"))
    return (
      ScrapedHistogram(cell, name: "aimstors_request_seconds"),
      ScrapedHistogram(router, name: "aimstors_router_forward_seconds"),
      ScrapedHistogram(router, name: "aimstors_router_request_seconds")
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
