import Platform
import Simulation
import Storage
import Synchronization
import Wire

@testable import Storage

/// A journal on a simulated disk, with tenants whose chains it keeps.
final class JournalBench {
  let disk: SimulatedDisk
  var configuration: JournalConfiguration
  /// The last record of each tenant that was made.
  private(set) var chains: [TenantID: (seq: TenantSeq, hash: SHA256Hash)] = [:]
  private var encoder = RecordEncoder()

  init(disk: SimulatedDisk = SimulatedDisk(), segmentBytes: Int = 64 * 1024) {
    self.disk = disk
    configuration = JournalConfiguration(directory: "/data/journal", cell: CellID(trusted: "eu-1"))
    configuration.segmentBytes = segmentBytes
    configuration.reserveSegmentBytes = 16 * 1024
    configuration.reserveBytes = 0
    configuration.preparesAhead = false
    configuration.groupWaitNanoseconds = 0
  }

  /// Bytes without a zero that do not compress: what lies in the journal is as long as it looks.
  private func noise(_ count: Int, seed: UInt64) -> [UInt8] {
    var random = TestRandom(seed: seed)
    return (0..<count).map { _ in UInt8(1 + random.below(255)) }
  }

  /// The tenant's next record, with one command whose changes are `size` bytes.
  func record(_ name: String, size: Int = 40, kind: RecordKind = .commands) throws -> SealedRecord {
    let tenant = TenantID(trusted: name)
    let seq = (chains[tenant]?.seq ?? .zero).next
    encoder.begin()
    encoder.command(
      requestID: "req-\(seq.rawValue)", traceID: "t",
      changes: noise(size, seed: seq.rawValue))
    let record = try encoder.seal(
      RecordIdentity(
        tenant: tenant, lineage: Lineage(7), epoch: .first, tenantSeq: seq,
        previousHash: chains[tenant]?.hash ?? .zero,
        time: Timestamp(milliseconds: 1_795_435_200_000 + Int64(seq.rawValue)), schemaVersion: 3,
        kind: seq.rawValue == 1 ? .create : kind, nextDue: nil),
      files: [
        FileMark(kind: .ledger, previousSeq: TenantSeq(seq.rawValue - 1), digest: 0x0123_4567)
      ])
    chains[tenant] = (seq, record.hash)
    return record
  }

  /// Forgets what was made after `seq`: the append was cut.
  func rewind(_ name: String, to seq: TenantSeq, _ hash: SHA256Hash) {
    chains[TenantID(trusted: name)] = seq.rawValue == 0 ? nil : (seq, hash)
  }

  /// Recovery and the synchronous writer, without the thread.
  func openWriter(
    applied: [TenantID: TenantSeq] = [:]
  ) throws -> (
    writer: JournalWriter, opened: JournalOpening.Result, catalog: Monitor<JournalCatalog>
  ) {
    let files = disk.fileSystem()
    let maker = SegmentMaker(configuration, files: files)
    let opened = try JournalOpening(
      configuration: configuration, files: files, maker: maker, applied: { applied }
    ).run()
    let catalog = Monitor(opened.catalog)
    let writer = JournalWriter(
      configuration, maker: maker, start: opened.start, catalog: catalog, nanoseconds: { 0 })
    return (writer, opened, catalog)
  }

  /// All records that can be read now.
  func records(_ catalog: JournalCatalog, from start: CellSeq = CellSeq(1)) throws
    -> [JournalRecord]
  {
    var sequence = try JournalRecords(
      directory: configuration.directory, files: disk.fileSystem(), catalog: catalog, start: start)
    var result: [JournalRecord] = []
    while let record = try sequence.next() { result.append(record) }
    return result
  }

  func segmentPath(_ firstGroup: UInt64) -> String {
    configuration.directory + "/" + JournalNames.segment(firstGroup: firstGroup)
  }

  var segmentPaths: [String] { disk.paths.filter { $0.hasSuffix(".journal") } }
}

/// Collects answers from the writer's thread; tests wait on it instead of sleeping.
final class Answers: Sendable {
  private let answers = Monitor<[AppendOutcome]>([])

  func add(_ outcome: AppendOutcome) {
    answers.withLock { $0.append(outcome) }
    answers.broadcast()
  }

  func wait(for count: Int) -> [AppendOutcome] { answers.wait { $0.count >= count ? $0 : nil } }
  var all: [AppendOutcome] { answers.withLock { $0 } }
}

extension JournalBench {
  /// Repairs the journal of tenants all of whose files have what is up to `whole`.
  func repair(_ whole: [TenantID: TenantSeq] = [:]) throws -> JournalRepairReport {
    try JournalRepair.run(
      directory: configuration.directory, files: disk.fileSystem(),
      applied: whole.mapValues { AppliedFiles([$0], isUnbroken: true) })
  }
}
