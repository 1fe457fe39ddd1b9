import Platform
import Wire

extension StorageEngine {
  /// Where files that a restore made wait to be a tenant's, and other files are made that are of no
  /// use to the next run.
  ///
  /// One directory of this file system, so that putting them in their place is a rename. A start
  /// removes what is in it, but for files whose record is durable: those are a tenant's.
  public static func restoresDirectory(_ data: String) -> String { "\(data)/restores" }

  /// Where the files go that a restore replaced; kept for 30 days.
  public static func replacedDirectory(_ data: String) -> String { "\(data)/replaced" }

  /// The directory in which the files of `tenant` in the branch `lineage` are prepared.
  public func preparedDirectory(_ tenant: TenantID, _ lineage: Lineage) -> String {
    let name = Self.preparedName(tenant, lineage)
    return "\(Self.restoresDirectory(configuration.directory))/\(name)"
  }

  private static func preparedName(_ tenant: TenantID, _ lineage: Lineage) -> String {
    "\(tenant.rawValue).\(String(lineage.rawValue, radix: 16))"
  }

  /// Takes prepared files over: as a new tenant, in the place of a tenant that is held, or of one
  /// that went to another cell and comes back from that cell's archive.
  ///
  /// The files in ``preparedDirectory(_:_:)`` are durable and belong to `tenant` and `lineage`.
  /// `expected` is where the tenant's history stood when it was held or left, nil for a tenant that
  /// was never here; anything else throws `conflict`, and nothing is changed. Throws `epochStale`
  /// where a tenant that left comes back under an epoch that was armed here, `outcomeUnknown` where
  /// the record may or may not be durable: a repeat tells. A repeat of what was done does nothing.
  public func install(
    _ tenant: TenantID, lineage: Lineage, epoch: Epoch, origin: RestoreOrigin,
    expected: TenantHead?
  ) async throws(Failure) {
    let running = try running()
    let context = running.context
    let before = context.heads[tenant]
    if before?.lineage == lineage { return }
    guard before == expected else {
      throw Failure(.conflict, "the tenant has gone on since the restore was planned")
    }
    if let before { try RestoreRule.demandRoom(for: epoch, at: before) }
    // What happened to it elsewhere is in the files: the record follows the last one of those.
    let here = before?.ownership.isServed == true ? before : nil
    let last = here?.tenantSeq ?? origin.tenantSeq
    let identity = RecordIdentity(
      tenant: tenant, lineage: lineage, epoch: epoch, tenantSeq: last.next,
      previousHash: here?.hash ?? origin.hash, time: max(context.now, before?.time ?? .zero),
      schemaVersion: before?.schemaVersion
        ?? index(tenant).version(at: configuration.ceiling.level), kind: .restore, nextDue: nil)
    let appended = try await append(identity, detail: origin.bytes, isPatient: true, context)
    guard case .durable(let head) = appended else {
      throw Failure(.outcomeUnknown, "the restored files may or may not be in place; try again")
    }
    // From here on the restored files are the tenant's, also after a crash: a start moves them.
    if here == nil, before != nil, let old = try? self.writer(tenant) { old.leave() }
    do throws(FileError) {
      try Self.moveIntoPlace(tenant, lineage, configuration.directory, files)
    } catch {
      // The record stands, and what is in its place are the files before it: they are not served.
      log.critical("restored files were not moved", metadata: ["error": "\(error)"])
      throw Failure(.outcomeUnknown, "the restored files will be in place after a restart")
    }
    let writer = TenantWriter(
      tenant: tenant, context: context, schema: index(tenant), head: head)
    context.due.set(tenant, nil)
    context.problems.resolve("tenant_stopped", tenant)
    life.withLock { life in
      guard case .running(var running) = life else { return }
      running.writers[tenant] = writer
      life = .running(running)
    }
  }

  /// Brings a tenant to rest: what was admitted ends, new commands and reads hear `recovering`, the
  /// files are closed.
  ///
  /// Answers its last record.
  ///
  /// A stopped tenant rests already. ``unhold(_:)`` or
  /// ``install(_:lineage:epoch:origin:expected:)`` ends it. Throws `recovering` where the tenant is
  /// stalled, `overloaded` where it does not come to rest.
  public func hold(_ tenant: TenantID) async throws(Failure) -> TenantHead {
    let writer = try writer(tenant)
    guard writer.pause(Obstacle("restored files are being put in place", mayPass: true)) else {
      guard writer.problem?.mayPass == false, let head = writer.context.heads[tenant] else {
        throw Failure(.recovering, "the tenant is stalled or held by another restore")
      }
      return head
    }
    for _ in 0..<Self.pauseLooks {
      if !writer.isBusy, writer.evict() { return writer.committedHead }
      try? await Task.sleep(for: .milliseconds(1))
    }
    writer.resume()
    throw Failure(.overloaded, "the tenant does not come to rest; try again")
  }

  /// Serves a held tenant again as it was; a stopped one stays stopped.
  public func unhold(_ tenant: TenantID) {
    guard let writer = try? writer(tenant), writer.problem?.mayPass == true else { return }
    writer.resume()
  }

  /// Looks, a millisecond apart, at a tenant that is to come to rest.
  private static let pauseLooks = 5_000

  /// Renames what is there to be renamed; done in part before, it goes on.
  static func moveIntoPlace(
    _ tenant: TenantID, _ lineage: Lineage, _ data: String, _ files: any FileSystem
  ) throws(FileError) {
    let name = preparedName(tenant, lineage)
    let prepared = "\(restoresDirectory(data))/\(name)"
    let place = TenantDirectory.of(tenant, in: data)
    let replaced = replacedDirectory(data)
    guard try files.exists(prepared) else { return }
    if try files.exists(place) {
      try files.createDirectory(replaced)
      try files.rename(place, to: unused("\(replaced)/\(name)", files))
      try files.synchronizeDirectory(replaced)
    }
    try files.rename(prepared, to: place)
    try files.synchronizeDirectory(TenantDirectory.all(in: data))
    try files.synchronizeDirectory(restoresDirectory(data))
  }

  /// The name, or the same with a number: a follower's files of one branch may be replaced again.
  private static func unused(
    _ path: String, _ files: any FileSystem
  ) throws(FileError) -> String {
    var (name, number) = (path, 1)
    while try files.exists(name) {
      number += 1
      name = "\(path)-\(number)"
    }
    return name
  }

  /// At a start, before any replay: moves files whose record is durable, and removes what an end of
  /// the process has left of others; whoever made them makes them anew.
  ///
  /// `isWhole`: nothing of the journal is damaged, so that no record is missing that names them.
  /// What cannot be removed takes room, and keeps nobody from being served.
  func finishRestores(_ heads: [TenantID: TenantHead], isWhole: Bool) throws(FileError) {
    let directory = Self.restoresDirectory(configuration.directory)
    guard try files.exists(directory) else { return }
    for name in try files.list(directory) {
      if let dot = name.lastIndex(of: "."), let tenant = TenantID(String(name[..<dot])),
        let lineage = UInt64(name[name.index(after: dot)...], radix: 16),
        heads[tenant]?.lineage.rawValue == lineage
      {
        try Self.moveIntoPlace(tenant, Lineage(lineage), configuration.directory, files)
      } else if isWhole {
        do throws(FileError) { try FileTree.remove("\(directory)/\(name)", files) } catch {
          log.error(
            "what an end of the process has left is not removed",
            metadata: ["path": "\(directory)/\(name)", "error": "\(error)"])
        }
      }
    }
  }
}
