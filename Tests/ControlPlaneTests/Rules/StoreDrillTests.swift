import Synchronization
import Testing
import Wire

@testable import ControlPlane

@Suite("A drill of the control plane's own store") struct StoreDrillTests {
  private let one = OperationID(trusted: "op_1")
  private let two = OperationID(trusted: "op_2")

  /// Asks until it is not under way.
  private func ended(_ drill: StoreDrill, _ operation: OperationID) async -> StoreDrill.Answer {
    while true {
      let answer = drill.answer(for: operation)
      guard answer == .running else { return answer }
      await Task.yield()
    }
  }

  @Test func `each operation has its own, however they ask in between`() async {
    let calls = Mutex(0)
    let drill = StoreDrill {
      calls.withLock { calls in
        calls += 1
        return "\(calls)"
      }
    }
    #expect(await ended(drill, one) == .done("1"))
    #expect(await ended(drill, two) == .done("2"))
    #expect(drill.answer(for: one) == .done("1"))
    #expect(drill.answer(for: two) == .done("2"))
    #expect(calls.withLock { $0 } == 2)
    drill.forget(one)
    #expect(await ended(drill, one) == .done("3"))
  }

  @Test func `where it does not work yet it is tried again, and without an archive there is none`()
    async
  {
    let calls = Mutex(0)
    let drill = StoreDrill {
      calls.withLock { calls in
        calls += 1
        return calls < 3 ? nil : "there"
      }
    }
    #expect(await ended(drill, one) == .done("there"))
    #expect(StoreDrill(nil).answer(for: one) == .nothing)
  }
}
