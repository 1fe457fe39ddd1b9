import AsyncHTTPClient
import Foundation
import Synchronization

/// Messages sent at a fixed rate, whether or not answers come, so that waiting is not hidden.
struct OpenLoop {
  let client: BenchClient
  let tenants: [BenchTenant]
  let perSecond: Double

  /// Microseconds from when each request was due to its answer, sorted.
  func latencies(seconds: Int) async throws -> [Double] {
    let clock = ContinuousClock()
    let begin = clock.now
    let results = Latencies()
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
          let micros = (clock.now - due) / .microseconds(1)
          results.add(micros)
        }
      }
      try await group.waitForAll()
    }
    return results.sorted
  }
}

/// What many tasks measured.
private final class Latencies: Sendable {
  private let values = Mutex<[Double]>([])
  func add(_ microseconds: Double) { values.withLock { $0.append(microseconds) } }
  var sorted: [Double] { values.withLock { $0.sorted() } }
}
