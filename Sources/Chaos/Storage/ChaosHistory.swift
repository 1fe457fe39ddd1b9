import Synchronization
import Wire

/// What the load was told, kept outside the engine that is broken.
final class ChaosHistory: Sendable {
  /// One operation; its number is its idempotency key.
  struct Operation: Hashable, Sendable {
    let number: Int64
    let tenant: TenantID
  }

  private struct State {
    var next: Int64 = 1
    var begun: Set<Operation> = []
    var answers: [Operation: [UInt8]] = [:]
    var contradictions = 0
  }

  static let tenants = (1...5).map { TenantID(trusted: "t\($0)") }
  private let state = Mutex(State())

  func begin() -> Operation {
    state.withLock { state in
      let tenants = Self.tenants
      let operation = Operation(
        number: state.next, tenant: tenants[Int(state.next % Int64(tenants.count))])
      state.next += 1
      state.begun.insert(operation)
      return operation
    }
  }

  /// Another answer than the first under the same key is a second effect.
  func acknowledge(_ operation: Operation, _ answer: [UInt8]) {
    state.withLock { state in
      if let first = state.answers.updateValue(answer, forKey: operation), first != answer {
        state.contradictions += 1
      }
    }
  }

  var acked: Int { state.withLock { $0.answers.count } }
  var contradictions: Int { state.withLock { $0.contradictions } }

  /// Operations without an answer, and some with one: all are sent again under their keys.
  func toRepeat() -> [Operation] {
    state.withLock { state in
      let answered = state.answers.keys.sorted { $0.number > $1.number }.prefix(20)
      let open = state.begun.filter { state.answers[$0] == nil }.sorted { $0.number < $1.number }
      return open + answered
    }
  }

  func of(_ tenant: TenantID) -> (begun: Set<Int64>, acked: Set<Int64>) {
    state.withLock { state in
      (
        Set(state.begun.filter { $0.tenant == tenant }.map(\.number)),
        Set(state.answers.keys.filter { $0.tenant == tenant }.map(\.number))
      )
    }
  }
}
