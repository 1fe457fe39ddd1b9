import Archive
import Logging
import Platform
import Simulation
import Storage
import StorageFixtures
import Wire

/// A cell writes while its archive misbehaves; then its disk is lost, and every tenant must come
/// back from the archive with all that was acknowledged and archived.
///
/// Then the archive is damaged:
/// what is wrong must be named, and no tenant may look healthy that is not.
public struct ArchiveMode: Sendable {
  static let tenants = 3
  static let payments = 40
  static let cell = CellID(trusted: "c1")

  public let cycles: Int
  public let seed: UInt64
  public let directory: String
  let say: @Sendable (String) -> Void

  public init(
    cycles: Int, seed: UInt64, directory: String, say: @escaping @Sendable (String) -> Void
  ) {
    self.cycles = cycles
    self.seed = seed
    self.directory = directory
    self.say = say
  }

  public func run() async -> ChaosReport {
    var report = ChaosReport()
    let random = SeededRandomSource(seed: seed)
    for cycle in 0..<cycles {
      let fault = BrokenStore.Fault.allCases[cycle % BrokenStore.Fault.allCases.count]
      say("cycle \(cycle + 1): \(fault.rawValue), then the disk is lost")
      do {
        try await self.cycle(cycle, fault, random, &report)
      } catch {
        report.complain("cycle \(cycle + 1): \(error)")
      }
      report.cycles += 1
      guard report.isOK else { break }
    }
    return report
  }

  private func tenant(_ index: Int) -> TenantID { TenantID(trusted: "t\(index + 1)") }

  private func cycle(
    _ cycle: Int, _ fault: BrokenStore.Fault, _ random: SeededRandomSource,
    _ report: inout ChaosReport
  ) async throws {
    let files = LiveFileSystem()
    let place = "\(directory)/\(cycle)"
    defer { try? FileTree.remove(place, files) }
    let store = BrokenStore()
    let archive = Archive(
      objects: store,
      key: try ArchiveKey(
        [UInt8](repeating: 3, count: 32), deployment: String(repeating: "ab", count: 16)),
      random: random)
    var digests: [TenantID: StorageEngine.TenantDigest] = [:]
    for life in 0..<2 {
      try await write(
        life, place, store, archive, fault, random, &digests, &report)
    }
    if store.hits == 0 { report.complain("cycle \(cycle + 1): the fault was not met") }
    report.hit(fault.rawValue)
    let restorer = TenantRestorer(archive: archive, files: files)
    for index in 0..<Self.tenants {
      let tenant = tenant(index)
      let restored = try await restorer.restore(
        tenant, schema: TestSchema.store(), to: .latest, cell: Self.cell,
        into: "\(place)/restored-\(index)", lineage: Lineage(9))
      guard let digest = digests[tenant] else { continue }
      if restored.position.tenantSeq < digest.tenantSeq {
        report.lost += Int(digest.tenantSeq.rawValue - restored.position.tenantSeq.rawValue)
        report.complain("\(tenant) is back at \(restored.position.tenantSeq.rawValue) only")
      } else if restored.files.contains(where: { digest.files[$0.name] != $0.digest }) {
        report.diverged += 1
        report.complain("\(tenant) is not what it was")
      }
    }
    try await damage(store, restorer, place, random, digests, &report)
  }

  /// One life of the cell: payments while the store misbehaves, a snapshot in the middle, an end
  /// without a word.
  private func write(
    _ life: Int, _ place: String, _ store: BrokenStore, _ archive: Archive,
    _ fault: BrokenStore.Fault, _ random: SeededRandomSource,
    _ digests: inout [TenantID: StorageEngine.TenantDigest], _ report: inout ChaosReport
  ) async throws {
    var configuration = EngineConfiguration(directory: "\(place)/cell", cell: Self.cell)
    configuration.adjustJournal = {
      $0.segmentBytes = 4 * 1_024 * 1_024
      $0.groupBytes = 256 * 1_024
      $0.reserveBytes = 0
      $0.pins.updateValue(nil, forKey: JournalUploader.pin)
    }
    let engine = StorageEngine(
      configuration, clock: LiveWallClock(), random: random, files: LiveFileSystem(),
      schema: { _ in TestSchema.store() }, fatal: { _ in })
    _ = try await engine.start()
    let service = ArchiveService(
      ArchiveEnvironment(
        archive: archive, engine: engine, cell: Self.cell, generation: .first,
        dataDirectory: "\(place)/cell", schema: { _ in TestSchema.store() },
        files: LiveFileSystem(), clock: LiveWallClock(), random: random,
        logger: Logger(label: "chaos") { _ in SwiftLogNoOpLogHandler() }))
    let running = Task { await service.run() }
    if life == 0 {
      for index in 0..<Self.tenants { try await engine.create(tenant(index), epoch: .first) }
    }
    store.fail(fault, 1 + random.below(3))
    for number in 0..<Self.payments {
      for index in 0..<Self.tenants {
        let id = Int64(life * Self.payments + number + 1)
        try await engine.write(
          tenant(index), CommandOrigin(requestID: "p\(id)", traceID: "")
        ) { try TestSchema.pay($0, id) }
        report.acked += 1
      }
      if number == Self.payments / 2 {
        _ = try? await service.snapshot(tenant(random.below(Self.tenants)))
      }
    }
    if await !service.waitUntilArchived(seconds: 60) {
      report.complain("the archive does not come up: \(service.status.problems)")
    }
    for index in 0..<Self.tenants {
      digests[tenant(index)] = try await engine.digest(tenant(index), recompute: false)
    }
    running.cancel()
    await running.value
    await engine.abandon()
  }

  /// One object is cut, changed, gone or another's.
  private func damage(
    _ store: BrokenStore, _ restorer: TenantRestorer, _ place: String,
    _ random: SeededRandomSource, _ digests: [TenantID: StorageEngine.TenantDigest],
    _ report: inout ChaosReport
  ) async throws {
    let names = store.names
    for number in 0..<4 {
      let name = names[random.below(names.count)]
      let other = names[random.below(names.count)]
      var kept: [UInt8] = []
      let what = ["cut", "changed", "gone", "swapped"][number]
      store.edit { objects in
        kept = objects[name] ?? []
        switch number {
        case 0: objects[name] = Array(kept.prefix(random.below(max(1, kept.count))))
        case 1: objects[name]?[random.below(max(1, kept.count))] ^= 0x40
        case 2: objects[name] = nil
        default: objects[name] = objects[other]
        }
      }
      defer { store.edit { $0[name] = kept } }
      for index in 0..<Self.tenants {
        let tenant = tenant(index)
        do {
          let restored = try await restorer.restore(
            tenant, schema: TestSchema.store(), to: .latest, cell: Self.cell,
            into: "\(place)/damaged", lineage: Lineage(9))
          guard let digest = digests[tenant], restored.position.tenantSeq == digest.tenantSeq
          else { continue }
          if restored.files.contains(where: { digest.files[$0.name] != $0.digest }) {
            report.diverged += 1
            report.complain("\(tenant) looked healthy with \(name) \(what)")
          }
        } catch {
          guard error is ArchiveError || error is RebuildError || error is StorageError else {
            throw error
          }
        }
      }
      report.hit("an object \(what)")
    }
  }
}
