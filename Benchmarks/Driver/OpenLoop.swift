import AsyncHTTPClient
import Foundation
import Synchronization

/// Requests sent at a fixed rate, whether or not answers come, so that waiting is not hidden.
struct OpenLoop: Sendable {
  let perSecond: Double
  /// The status that every answer has to have.
  let status: UInt
  /// The request of that index.
  let request: @Sendable (Int) throws -> HTTPClientRequest

  /// Messages of all tenants in turn.
  static func messages(
    of tenants: [BenchTenant], perSecond: Double, _ client: BenchClient
  ) -> OpenLoop {
    OpenLoop(perSecond: perSecond, status: 202) { index in
      try tenants[index % tenants.count].message(to: index % 10_000_000, client)
    }
  }

  /// Microseconds from when each request was due to its answer, sorted.
  func latencies(seconds: Int) async throws -> [Double] {
    let clock = ContinuousClock()
    let begin = clock.now
    let results = Latencies()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<Int(perSecond * Double(seconds)) {
        let due = begin + .microseconds(Int64(Double(index) * 1_000_000 / perSecond))
        try await Task.sleep(until: due, clock: clock)
        group.addTask {
          let response = try await HTTPClient.shared.execute(
            try request(index), timeout: .seconds(10))
          _ = try await response.body.collect(upTo: 1 << 20)
          guard response.status.code == status else {
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
