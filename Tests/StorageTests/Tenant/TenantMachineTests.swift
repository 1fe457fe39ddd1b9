import Testing

@testable import Storage

@Suite("Tenant machine") struct TenantMachineTests {
  @Test func `only the first command of an idle tenant schedules a run`() {
    let machine = MachineUnderTest()
    #expect(machine.submitted())
    #expect(!machine.submitted())
    machine.runBegan()
    #expect(!machine.submitted())
  }

  @Test func `no run is scheduled while a record is in flight`() {
    let machine = MachineUnderTest()
    _ = machine.submitted()
    machine.runBegan()
    machine.sealed()
    #expect(!machine.submitted())
    machine.journalAnswered()
    #expect(!machine.submitted())
    #expect(machine.settled(waiting: true))
    #expect(machine.state == .queued)
  }

  @Test func `a run that changed nothing ends at once`() {
    let machine = MachineUnderTest()
    _ = machine.submitted()
    machine.runBegan()
    #expect(!machine.runEnded(waiting: false))
    #expect(machine.state == .idle)
  }

  @Test func `files are closed only while nothing is under way`() {
    let machine = MachineUnderTest()
    _ = machine.submitted()
    #expect(!machine.evictionAsked())
    machine.runBegan()
    #expect(!machine.evictionAsked())
    #expect(!machine.runEnded(waiting: false))
    #expect(machine.evictionAsked())
    // A command that comes while they close waits for it.
    #expect(!machine.submitted())
    #expect(machine.closed(waiting: true))
    #expect(machine.state == .queued)
  }

  @Test func `a stopped tenant takes nothing up`() {
    let machine = MachineUnderTest()
    machine.stopped()
    #expect(!machine.submitted())
    #expect(!machine.evictionAsked())
  }

  @Test func `a tenant stopped with a record in flight stays stopped when it comes back`() {
    let machine = MachineUnderTest()
    _ = machine.submitted()
    machine.runBegan()
    machine.stopped()
    machine.sealed()
    machine.journalAnswered()
    #expect(!machine.settled(waiting: true))
    #expect(machine.state == .stopped)
  }
}

/// `#expect` cannot call mutating members; a reference can.
private final class MachineUnderTest {
  private var machine = TenantMachine()
  var state: TenantMachine.State { machine.state }
  func submitted() -> Bool { machine.submitted() }
  func runBegan() { machine.runBegan() }
  func runEnded(waiting: Bool) -> Bool { machine.runEnded(waiting: waiting) }
  func sealed() { machine.sealed() }
  func journalAnswered() { machine.journalAnswered() }
  func settled(waiting: Bool) -> Bool { machine.settled(waiting: waiting) }
  func evictionAsked() -> Bool { machine.evictionAsked() }
  func closed(waiting: Bool) -> Bool { machine.closed(waiting: waiting) }
  func stopped() { machine.stopped() }
}
