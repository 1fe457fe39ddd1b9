import Platform
import SimulatedDeployment
import Simulation
import Storage
import Synchronization
import Testing
import Wire

/// The rule about opening a journal, in its smallest story: a group is written and not synced, the
/// process is killed, the next one reads it back and tells somebody, the power goes.
@Suite struct PageCacheRuleTests {
  private static let cell = CellID(trusted: "cell1")
  private static let tenant = TenantID(trusted: "acme")

  /// Whether a record that the second opener answered from is there after the power loss.
  private func survives(_ fate: SimulatedDisk.Fate, syncsAtOpening: Bool) throws -> Bool {
    let disk = SimulatedDisk()
    let first = try open(disk.fileSystem())
    let ends = Mutex(false)
    // The write gets through; the process dies in its fsync.
    disk.inject(SimulatedDisk.Fault(.sync, call: 3, .error(5), isPermanent: true))
    first.journal.append(try record()) { outcome in ends.withLock { $0 = outcome == .cut } }
    first.journal.step()
    #expect(ends.withLock { $0 } == false)
    disk.kill()

    let forgetful = UnsyncedOpening(disk.fileSystem())
    let second = try open(syncsAtOpening ? disk.fileSystem() : forgetful)
    try #require(second.last == CellSeq(1), "the record was read back, so it is answered")
    disk.losePower(fate)

    return try open(disk.fileSystem()).last == CellSeq(1)
  }

  private func open(_ files: any FileSystem) throws -> OpenedJournal {
    var configuration = JournalConfiguration(directory: "/journal", cell: Self.cell)
    configuration.segmentBytes = 16 * 1024
    configuration.groupBytes = 4 * 1024
    configuration.reserveBytes = 0
    configuration.preparesAhead = false
    return try Journal.openStepped(configuration, files: files, applied: { [:] }, fatal: { _ in })
  }

  private func record() throws -> SealedRecord {
    var encoder = RecordEncoder(capacity: 0)
    encoder.begin()
    return try encoder.seal(
      RecordIdentity(
        tenant: Self.tenant, lineage: Lineage(1), epoch: .first, tenantSeq: TenantSeq(1),
        previousHash: .zero, time: Timestamp(milliseconds: 1), schemaVersion: 1, kind: .create,
        nextDue: nil), files: [])
  }

  @Test(arguments: [SimulatedDisk.Fate.lost, .mixed(seed: 1), .mixed(seed: 2), .kept])
  func `what an opener answers from survives the next power loss`(
    _ fate: SimulatedDisk.Fate
  ) throws {
    #expect(try survives(fate, syncsAtOpening: true))
  }

  @Test func `without the rule it is lost`() throws {
    #expect(try !survives(.lost, syncsAtOpening: false))
  }
}
