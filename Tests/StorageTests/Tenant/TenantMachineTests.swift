import Platform
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

  @Test func `a stalled tenant tries again when its time has come, and then goes on`() {
    let machine = MachineUnderTest()
    _ = machine.submitted()
    machine.runBegan()
    machine.stalled(at: 1_000)
    #expect(machine.state == .stalled(until: 1_000 + TenantMachine.firstWait))
    #expect(!machine.submitted())
    #expect(!machine.evictionAsked())
    #expect(!machine.attemptAsked(at: 999 + TenantMachine.firstWait))
    #expect(machine.attemptAsked(at: 1_000 + TenantMachine.firstWait))
    #expect(!machine.attemptAsked(at: .max))
    #expect(!machine.submitted())
    #expect(machine.caughtUp())
    #expect(machine.submitted())
  }

  @Test func `each refusal doubles the wait up to a bound, until commands run to an end`() {
    let machine = MachineUnderTest()
    var waits: [UInt64] = []
    for _ in 0..<70 {
      machine.stalled(at: 0)
      guard case .stalled(let until) = machine.state else { break }
      waits.append(until)
      #expect(machine.attemptAsked(at: until))
    }
    #expect(waits.prefix(3) == [100_000_000, 200_000_000, 400_000_000])
    #expect(waits.count == 70)
    #expect(waits.allSatisfy { $0 <= TenantMachine.longestWait })
    #expect(waits.last == TenantMachine.longestWait)
    // That the files opened is not enough: what failed may fail again at once.
    #expect(machine.caughtUp())
    machine.stalled(at: 0)
    #expect(machine.state == .stalled(until: TenantMachine.longestWait))
    #expect(machine.attemptAsked(at: .max))
    #expect(machine.caughtUp())
    _ = machine.submitted()
    machine.runBegan()
    #expect(!machine.runEnded(waiting: false))
    machine.stalled(at: 0)
    #expect(machine.state == .stalled(until: TenantMachine.firstWait))
  }

  @Test func `damage ends the attempts, and a refusal of the machine does not end damage`() {
    let machine = MachineUnderTest()
    machine.stalled(at: 0)
    machine.stopped()
    #expect(!machine.attemptAsked(at: .max))
    machine.stalled(at: 0)
    #expect(machine.state == .stopped)
    let trying = MachineUnderTest()
    trying.stalled(at: 0)
    #expect(trying.attemptAsked(at: .max))
    trying.stopped()
    #expect(!trying.caughtUp())
  }

  @Test(arguments: [
    (FileError(.write, "f", errno: SystemErrors.noSpace) as any Error, true),
    (FileError(.read, "f", errno: SystemErrors.io), true),
    (FileError(.open, "f", errno: SystemErrors.notFound), false),
    (SQLiteError(extendedCode: 13, message: "full", sql: ""), true),
    (SQLiteError(extendedCode: 10 | 3 << 8, message: "write", sql: ""), true),
    (SQLiteError(extendedCode: 11, message: "corrupt", sql: ""), false),
    (SQLiteError(extendedCode: 26, message: "no database", sql: ""), false),
    (SQLiteError(extendedCode: 10 | 33 << 8, message: "corrupt", sql: ""), false),
    (StorageError.fileMissing("f"), false),
    (StorageError.replay("a gap"), false),
    (JournalError.malformed("a record"), false),
  ])
  func `what the machine refused may pass, damage does not`(_ cause: any Error, _ passes: Bool) {
    #expect(Obstacle("replay", cause).mayPass == passes)
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
  func stalled(at now: UInt64) { machine.stalled(at: now) }
  func attemptAsked(at now: UInt64) -> Bool { machine.attemptAsked(at: now) }
  func caughtUp() -> Bool { machine.caughtUp() }
}
