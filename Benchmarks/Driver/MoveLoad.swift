import AsyncHTTPClient
import Foundation
import Synchronization

/// Writes of one tenant's clients, each with when it began and ended.
///
/// A client writes, waits for the answer, and writes again; nothing is repeated: an answer that is
/// no success is an error that a customer has seen.
final class MoveLoad: Sendable {
  /// One request, in microseconds of the wall clock.
  struct Request: Sendable {
    let began: Int64
    let ended: Int64
  }

  private struct State {
    var requests: [Request] = []
    var errors: [String] = []
    var isOver = false
    var next = 0
  }
  private let state = Mutex(State())
  private let client: BenchClient
  private let key: String
  /// The pause between two requests of one client, in microseconds; 0: none.
  private let pause: Int64

  init(_ client: BenchClient, key: String, pauseMicroseconds: Int64 = 0) {
    self.client = client
    self.key = key
    pause = pauseMicroseconds
  }

  static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000_000) }

  /// Writes with `clients` at a time until ``stop()``.
  func run(clients: Int) async {
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<clients { group.addTask { await self.write() } }
    }
  }

  func stop() { state.withLock { $0.isOver = true } }

  var requests: [Request] { state.withLock { $0.requests } }
  var errors: [String] { state.withLock { $0.errors } }

  private func write() async {
    while let number = state.withLock({ state -> Int? in
      state.next += 1
      return state.isOver ? nil : state.next
    }) {
      let began = Self.now()
      do {
        // One of a hundred contacts, seen again: the tenant writes and does not grow.
        try await client.api(
          "POST", "/v1/contacts", key,
          ["phone": "+4915\(200_000_000 + number % 100)", "name": "contact \(number)"])
        let ended = Self.now()
        state.withLock { $0.requests.append(Request(began: began, ended: ended)) }
      } catch {
        state.withLock { $0.errors.append("\(error)") }
      }
      if pause > 0 { try? await Task.sleep(for: .microseconds(pause)) }
    }
  }
}
