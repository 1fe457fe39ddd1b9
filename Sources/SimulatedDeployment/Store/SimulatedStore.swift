import Platform
import Simulation
import Storage
import Synchronization
import Wire

/// One process's storage on a simulated disk: the product's journal, opened and stepped by the
/// scheduler, and a writer per tenant that keeps the product's commit order.
///
/// run → append → group fsync → commit the image → answer.
final class SimulatedStore {
  static let mailboxLimit = 6
  static let batchLimit = 4
  static let file = FileKind.ledger
  static let fileName = "ledger"

  /// What the journal answered during a step, in its order; and whether the process must end.
  final class Answers: Sendable {
    private let state = Mutex<(list: [(TenantID, AppendOutcome)], fatal: String?)>(([], nil))
    func add(_ tenant: TenantID, _ outcome: AppendOutcome) {
      state.withLock { $0.list.append((tenant, outcome)) }
    }
    func fail(_ reason: String) { state.withLock { $0.fatal = reason } }
    func take() -> (list: [(TenantID, AppendOutcome)], fatal: String?) {
      state.withLock { state in
        defer { state.list = [] }
        return state
      }
    }
  }

  struct InFlight {
    let record: SealedRecord
    /// Nil: the record touches no file.
    let changes: [RowChange]?
    /// Of a move's record, the other cell.
    var counterpart: CellID?
    let answers: [() -> Void]
    let refuse: [(Failure) -> Void]
  }

  final class Tenant {
    var machine = TenantMachine()
    var mailbox: [StoreCommand] = []
    var file: ImageFile
    var inFlight: InFlight?
    /// Commands wait: a step of a move is to be written.
    var isHeld = false
    /// What became durable since a move from here began; nil: none is under way.
    var tap: [StreamedRecord]?
    /// A durable record that the disk had no room to commit: nothing runs until it is.
    var lack: InFlight?
    /// Whether it was room that the disk lacked, and not a call that failed as if it did.
    var lacksRoom = false
    init(_ file: ImageFile) { self.file = file }

    /// Whether commands wait that may run.
    var isRunWanted: Bool { !isHeld && !mailbox.isEmpty }
  }

  struct Violation: Error { let text: String }

  let cell: CellID
  let disk: SimulatedDisk
  let files: any FileSystem
  let journal: Journal
  let options: SimulationOptions
  let clocks: NodeClocks
  private let answers = Answers()
  /// The heads, and who still needs the journal.
  let table: HeadsTable
  private(set) var tenants: [TenantID: Tenant] = [:]
  /// Tenants whose image changed since it was looked at.
  var touched: [TenantID] = []
  /// Durable records that nobody has looked at.
  var links: [ChainLink] = []
  /// Tenants that stalled since somebody looked.
  var stalled: [TenantID] = []
  var sometimes = Sometimes()
  private var place = 0

  static let directory = "/cell/tenants"
  static let journalDirectory = "/cell/journal"

  var heads: [TenantID: TenantHead] { table.tenants }
  var brokenRule: SimulationOptions.BrokenRule? { options.brokenRule }

  static func configuration(
    _ cell: CellID, _ options: SimulationOptions
  ) -> JournalConfiguration {
    var configuration = JournalConfiguration(directory: journalDirectory, cell: cell)
    configuration.segmentBytes = options.segmentBytes
    configuration.reserveSegmentBytes = options.segmentBytes
    configuration.reserveBytes = options.reserveBytes
    configuration.groupRecords = 3
    configuration.groupBytes = min(4 * 1024, options.segmentBytes / 2)
    configuration.queueRecords = 4
    configuration.preparesAhead = false
    return configuration
  }

  /// Opens and recovers; throws ``Violation`` where the disk lost what it must not lose.
  init(
    _ cell: CellID, disk: SimulatedDisk, options: SimulationOptions, clocks: NodeClocks
  ) throws {
    self.cell = cell
    self.disk = disk
    self.options = options
    self.clocks = clocks
    let forgetful = UnsyncedOpening(disk.fileSystem())
    files = options.brokenRule == .answerFromPageCache ? forgetful : disk.fileSystem()
    try files.createDirectory(Self.directory)
    try files.createDirectory(Self.importDirectory)
    let (files, answers) = (files, answers)
    let opened = try Journal.openStepped(
      Self.configuration(cell, options), files: files,
      applied: { try Self.applied(files) }, fatal: { answers.fail("\($0)") })
    forgetful.opened()
    journal = opened.journal
    table = HeadsTable(heads: opened.heads, through: opened.last)
    if opened.cut != nil { sometimes.tornTail += 1 }
    if opened.first > CellSeq(1) { sometimes.startedTrimmed += 1 }
    guard opened.damage.isEmpty, opened.isWritable else {
      throw Violation(text: "\(cell): the journal is damaged after a crash: \(opened.damage)")
    }
    try recover(from: opened.first)
    let check = try JournalVerification.run(directory: Self.journalDirectory, files: files)
    guard check.ok else {
      throw Violation(text: "\(cell): the chain is broken: \(check.chainBreaks) \(check.damage)")
    }
  }

  private static func applied(_ files: any FileSystem) throws -> [TenantID: TenantSeq] {
    var result: [TenantID: TenantSeq] = [:]
    for name in try files.list(directory) {
      let tenant = TenantID(trusted: String(name.prefix { $0 != "." }))
      result[tenant] = try ImageFile(directory, tenant, files: files).image.applied
    }
    return result
  }

  /// Replays per file what it lacks.
  private func recover(from first: CellSeq) throws {
    try settleImports()
    for tenant in heads.keys.sorted() {
      let known = Tenant(try ImageFile(Self.directory, tenant, files: files))
      tenants[tenant] = known
      touched.append(tenant)
      guard let head = heads[tenant], known.file.image.applied <= head.tenantSeq else {
        throw Violation(text: "\(cell): the file of \(tenant) is ahead of the journal")
      }
    }
    var records = try journal.records(from: first)
    while let record = try records.next() { try replay(record) }
  }

  private func replay(_ record: JournalRecord) throws {
    let payload = try record.decodedPayload()
    if record.identity.kind.isInChain {
      links.append(ChainLink(record.identity, record.hash, touchesFile: !payload.files.isEmpty))
    }
    table.replayed(record.identity.tenant, from: record.position.cellSeq)
    guard let mark = payload.files.first, let tenant = tenants[record.identity.tenant],
      heads[record.identity.tenant]?.ownership != .refused
    else { return }
    switch mark.replay(of: record.identity.tenantSeq, over: tenant.file.image.applied) {
    case .skip: return
    case .gap:
      throw Violation(
        text: "\(cell): a record of \(record.identity.tenant) is missing in replay: its file is at "
          + "\(tenant.file.image.applied.rawValue), record \(record.identity.tenantSeq.rawValue) "
          + "follows \(mark.previousSeq.rawValue)")
    case .apply:
      let changes = payload.commands.flatMap { RowChange.decode($0.changes) }
      try tenant.file.commit(changes, at: record.identity.tenantSeq)
      guard tenant.file.image.digest == mark.digest else {
        throw Violation(text: "\(cell): replay of \(record.identity.tenant) has another digest")
      }
    }
  }

  /// What a tenant's file holds; nil also while it lacks a record.
  func image(_ id: TenantID) -> TenantImage? {
    guard let tenant = tenants[id], tenant.lack == nil else { return nil }
    return tenant.file.image
  }

  /// Puts a command into the mailbox; answers whether a run is to be planned.
  func submit(_ command: StoreCommand, to id: TenantID) -> Bool {
    guard let tenant = tenants[id] else { preconditionFailure("\(id) is not held here") }
    guard tenant.lack == nil else {
      command.answer(.failed(Self.waitsForDisk))
      return false
    }
    guard tenant.mailbox.count < Self.mailboxLimit else {
      sometimes.shed += 1
      command.answer(.failed(Failure(.mailboxFull, "the mailbox is full")))
      return false
    }
    tenant.mailbox.append(command)
    return !tenant.isHeld && tenant.machine.submitted()
  }

  /// Runs a batch up to the append; answers whether another run is to be planned.
  func run(_ id: TenantID, more: Bool) throws -> Bool {
    guard let tenant = tenants[id], let head = heads[id] else { return false }
    tenant.machine.runBegan()
    let commands = Array(tenant.mailbox.prefix(Self.batchLimit))
    tenant.mailbox.removeFirst(commands.count)
    guard head.ownership.isServed || brokenRule == .skipEpochCheck else {
      // Released while they waited: they ran nothing.
      let moved = Failure(.moved, "the tenant is another cell's")
      for command in commands { command.answer(.failed(moved)) }
      return tenant.machine.runEnded(waiting: tenant.isRunWanted)
    }
    var staged = StagedImage(tenant.file.image)
    var replies: [() -> Void] = []
    var refuse: [(Failure) -> Void] = []
    var encoder = RecordEncoder(capacity: 0)
    for command in commands {
      place += 1
      let result: (changes: [RowChange], answer: StoreAnswer)
      if let key = command.key, brokenRule != .forgetDedupe, let before = staged["key:\(key)"] {
        sometimes.dedupeHit += 1
        result = ([], .done(before))
      } else {
        result = command.run(staged)
      }
      staged.add(result.changes)
      encoder.command(
        requestID: command.key ?? "", traceID: "", changes: RowChange.encode(result.changes))
      if brokenRule == .ackBeforeFsync {
        command.answer(result.answer)
      } else {
        replies.append { command.answer(result.answer) }
        refuse.append { command.answer(.failed($0)) }
      }
    }
    guard !staged.changes.isEmpty else {
      for reply in replies { reply() }
      return tenant.machine.runEnded(waiting: tenant.isRunWanted)
    }
    let record = try seal(id, head, .commands, head.epoch, staged.changes, &encoder)
    tenant.inFlight = InFlight(
      record: record, changes: staged.changes, answers: replies, refuse: refuse)
    tenant.machine.sealed()
    append(id, record, more: more)
    return false
  }

  /// A tenant's first record; `head` is what it follows.
  func create(
    _ id: TenantID, epoch: Epoch, after head: TenantHead, _ changes: [RowChange],
    answer: @escaping (StoreAnswer) -> Void
  ) throws {
    let tenant = try writer(id)
    guard tenant.machine.submitted() else {
      return answer(.failed(Failure(.outcomeUnknown, "busy; ask again")))
    }
    tenant.machine.runBegan()
    var encoder = RecordEncoder(capacity: 0)
    encoder.command(requestID: "", traceID: "", changes: RowChange.encode(changes))
    let record = try seal(id, head, .create, epoch, changes, &encoder)
    tenant.inFlight = InFlight(
      record: record, changes: changes, answers: [{ answer(.done("")) }],
      refuse: [{ answer(.failed($0)) }])
    tenant.machine.sealed()
    append(id, record, more: false)
  }

  /// The tenant's writer, made where there is none.
  func writer(_ id: TenantID) throws -> Tenant {
    if let tenant = tenants[id] { return tenant }
    let tenant = Tenant(try ImageFile(Self.directory, id, files: files))
    tenants[id] = tenant
    return tenant
  }

  private func seal(
    _ id: TenantID, _ head: TenantHead, _ kind: RecordKind, _ epoch: Epoch,
    _ changes: [RowChange], _ encoder: inout RecordEncoder
  ) throws -> SealedRecord {
    let image = tenants[id]?.file.image ?? TenantImage()
    return try encoder.seal(
      RecordIdentity(
        tenant: id, lineage: head.lineage, epoch: epoch, tenantSeq: head.tenantSeq.next,
        previousHash: head.hash, time: time(after: head), schemaVersion: 1, kind: kind,
        nextDue: nil),
      files: [
        FileMark(
          kind: Self.file, previousSeq: image.applied, digest: image.digest(after: changes))
      ])
  }

  /// The tenant's time of a record that follows `head`, by the product's rule.
  func time(after head: TenantHead) -> Timestamp {
    let now = clocks.wall
    if now < head.time { sometimes.clockBehind += 1 }
    return brokenRule == .takeClock ? now : head.timeOfNext(at: now)
  }

  func append(_ id: TenantID, _ record: SealedRecord, more: Bool) {
    let answers = answers
    journal.append(record, more: more) { answers.add(id, $0) }
  }

  /// Writes one group, then commits and answers each record; returns tenants to run again.
  ///
  /// Throws where the process must end.
  func step() throws -> [TenantID] {
    let foundNoRoom = writeGroup()
    let (list, fatal) = answers.take()
    var again: [TenantID] = []
    for (id, outcome) in list {
      guard let tenant = tenants[id], let batch = tenant.inFlight else { continue }
      tenant.machine.journalAnswered()
      tenant.inFlight = nil
      switch outcome {
      case .durable(let seq):
        guard try becameDurable(batch, of: tenant, at: seq) else {
          answerStalled(batch, of: tenant)
          continue
        }
        for answer in batch.answers { answer() }
      case .unacknowledged: preconditionFailure("a simulated cell has no follower")
      case .cut:
        sometimes.cut += 1
        if foundNoRoom { sometimes.cutForRoom += 1 }
        let isOfCommands = batch.record.identity.kind == .commands
        if foundNoRoom, isOfCommands, brokenRule == .answerOnFullDisk {
          for answer in batch.answers { answer() }
          break
        }
        // Asked again with the same key; a refusal would deny what has begun.
        for refuse in batch.refuse { refuse(Failure(.outcomeUnknown, "the append was cut")) }
      case .refused:
        sometimes.shed += 1
        for refuse in batch.refuse { refuse(Failure(.overloaded, "the journal takes no more")) }
      }
      if tenant.machine.settled(waiting: tenant.isRunWanted) { again.append(id) }
    }
    if let fatal { throw ProcessEnds(reason: fatal) }
    return again
  }

  /// Answers whether the tenant's file has the record as well.
  private func becameDurable(
    _ batch: InFlight, of tenant: Tenant, at seq: CellSeq
  ) throws -> Bool {
    let identity = batch.record.identity
    let id = identity.tenant
    let head = TenantHead(
      after: table[id], identity, hash: batch.record.hash, at: seq,
      counterpart: batch.counterpart)
    table.durable(id, head)
    if identity.kind.isInChain {
      links.append(ChainLink(identity, batch.record.hash, touchesFile: batch.changes != nil))
    }
    guard try commit(batch, to: tenant) else { return false }
    touched.append(id)
    try didTake(identity.kind, tenant, id, head)
    return true
  }

  var hasInFlight: Bool { tenants.values.contains { $0.inFlight != nil } }
}

/// The process ends by rule, which is no violation.
struct ProcessEnds: Error { let reason: String }
