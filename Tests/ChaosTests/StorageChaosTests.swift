import Foundation
import Simulation
import Storage
import Testing
import Wire

@testable import Chaos

/// A few cycles of each storage mode; the whole count under AIMSTORS_LONG_TESTS=1.
@Suite("Storage chaos", .serialized) struct StorageChaosTests {
  private static let isLong = ProcessInfo.processInfo.environment["AIMSTORS_LONG_TESTS"] == "1"

  private func run<Mode: StorageMode>(_: Mode.Type, _ few: Int) async -> ChaosReport {
    let cycles = Self.isLong ? 500 : few
    let report = await StorageChaos<Mode>(cycles: cycles, seed: 1, say: { _ in }).run()
    #expect(report.isOK, "\(report.json(mode: Mode.name))")
    #expect(report.cycles == cycles)
    #expect(report.acked >= 100 * cycles)
    return report
  }

  @Test func `power losses lose, double and tear nothing that was acknowledged`() async {
    let hit = await run(PowerMode.self, 6).faultsHit
    for fault in [
      "sqlite lost", "sqlite kept", "sqlite torn", "journal lost", "journal torn",
      "power lost while recovering", "segment sealed", "segment trimmed", "heads written",
    ] {
      #expect(hit[fault] ?? 0 > 0, "\(hit)")
    }
  }

  @Test func `a failing call of journal or SQLite costs nothing that was acknowledged`() async {
    // Each kind, on both layers, once and for good.
    let report = await run(IOMode.self, 16)
    let hit = report.faultsHit
    for layer in ["journal", "sqlite"] {
      for kind in ["EIO", "ENOSPC", "short-write", "fsync-EIO"] {
        #expect(hit.keys.contains { $0.hasPrefix(layer) && $0.hasSuffix(kind) }, "\(hit)")
      }
    }
    for fault in [
      "healed without a restart", "ended by a failed fsync", "segment sealed", "segment trimmed",
      "heads written",
    ] {
      #expect(hit[fault] ?? 0 > 0, "\(hit)")
    }
    if Self.isLong {
      for layer in StorageLayer.allCases {
        #expect(hit["\(layer.rawValue) syncDirectory fsync-EIO"] ?? 0 > 0, "\(hit)")
      }
    }
    for way in IOMode.Way.all {
      let calls = "\(way.layer.rawValue) \(way.kind.rawValue) calls"
      let failed = "\(calls) failed \(way.isPermanent ? "for good" : "once")"
      #expect(report.measures[calls] ?? 0 > 0, "\(report.measures)")
      #expect(report.measures[failed] ?? 0 >= 1, "\(report.measures)")
      #expect(report.measures[failed] ?? 0 <= report.measures[calls] ?? 0, "\(report.measures)")
    }
  }

  @Test func `as many cycles as calls strike each call, fewer one of each stratum`() {
    let random = SeededRandomSource(seed: 1)
    for (calls, cycles) in [(7, 7), (7, 20), (1, 1)] {
      let sweep = CallSweep(calls: calls, cycles: cycles)
      #expect(Set((0..<cycles).map { sweep.call($0, random) }) == Set(1...calls))
    }
    let sweep = CallSweep(calls: 1_000, cycles: 10)
    for index in 0..<10 {
      let call = sweep.call(index, random)
      #expect((100 * index + 1...100 * index + 100).contains(call))
    }
  }

  @Test func `the cycles of each way to fail sweep the whole script`() async throws {
    var mode = IOMode()
    let random = SeededRandomSource(seed: 1)
    let machine = StorageMachine(vfs: StorageMachine.makeVFS(), seed: 1)
    try await mode.prepare(machine, random)
    await machine.close()
    let ways = IOMode.Way.all
    let count = 4 * ways.count
    let faults = (1...count).map { mode.draw($0, of: count, random) }
    for way in ways {
      let calls = machine.disk.callCount(way.kind, of: way.layer.paths)
      let drawn = faults.filter { $0.way == way }.map(\.call)
      #expect(drawn.count == 4 && drawn == drawn.sorted())
      #expect(drawn.allSatisfy { (1...calls).contains($0) })
      #expect(Set(drawn).count == min(4, calls))
    }
  }

  @Test func `a spoiled journal is found out, and what it lacks is named`() async {
    let hit = await run(CorruptMode.self, 16).faultsHit
    if Self.isLong {
      for end in ["loss named by the repair", "tenant left to a restore"] {
        #expect(hit[end] ?? 0 > 0, "\(hit)")
      }
    }
    for damage in [
      "bit flip", "truncation", "dropped group", "doubled group", "swapped groups",
      "zeroed 4 KiB block", "journal of another cell", "journal of another generation",
      "segment sealed", "journal repaired",
    ] {
      #expect(hit[damage] ?? 0 > 0, "\(hit)")
    }
  }

  @Test func `only what a repair names counts as given up`() async throws {
    let machine = StorageMachine(vfs: StorageMachine.makeVFS(), seed: 1)
    _ = try await machine.start()
    #expect(await machine.createTenants())
    // So few that no checkpoint takes them into the files.
    let payments = PaymentLoad.payments(12)
    var cycle = StorageCycle()
    await PaymentLoad(machine: machine, books: cycle.books, seed: 1).run(payments)
    await machine.end(.lost)
    let groups = try JournalInspection.run(
      directory: StorageMachine.journalDirectory, files: machine.disk.fileSystem(),
      detail: .commands
    ).groups
    // The list of the group behind it says whose records it had.
    let place = try #require(
      groups.indices.dropLast().first { index in
        let next = groups[index + 1]
        return next.kind == "records" && next.segment == groups[index].segment
          && groups[index].records.contains { $0.requests?.isEmpty == false }
      })
    let spoiled = groups[place].records
    _ = JournalDamage.drop.apply(
      to: machine.disk, groups, at: place, SeededRandomSource(seed: 1))
    let report = try machine.repair()
    let givenUp = PaymentPlaces(groups).givenUp(payments, by: report)
    // What stood there, and of the same tenants what came after it.
    let lost = Set(spoiled.flatMap { $0.requests ?? [] })
    let tenants = Set(spoiled.map(\.tenant))
    #expect(!lost.isEmpty)
    #expect(lost.isSubset(of: payments.filter { givenUp.contains($0.id) }.map(\.requestID)))
    #expect(payments.filter { givenUp.contains($0.id) }.allSatisfy { tenants.contains($0.tenant) })

    _ = try await machine.start()
    await cycle.oracle.check(machine.engine, givenUp: givenUp)
    #expect(cycle.oracle.lost == 0, "\(cycle.oracle.complaints)")
    // Without the repair's word the same is a loss.
    await cycle.oracle.check(machine.engine)
    #expect(cycle.oracle.lost == givenUp.count)
    await machine.close()
  }

  @Test(arguments: [
    ("power", "ack-before-fsync"), ("power", "forget-dedupe"), ("corrupt", "forget-dedupe"),
    ("io", "ack-before-fsync"), ("io", "forget-dedupe"),
  ])
  func `a broken rule is caught`(_ mode: String, _ sabotage: String) async throws {
    let ended = try await ChaosProcess.run(
      [mode, "--cycles", "6", "--seed", "1", "--sabotage", sabotage])
    #expect(ended.status == 1)
    #expect(ended.report["ok"] as? Bool == false)
    let count = ended.report[sabotage == "forget-dedupe" ? "duplicated" : "lost"] as? Int
    #expect(count ?? 0 > 0, "\(ended.output)")
  }

  @Test(arguments: [
    ("power", "skip-epoch-check"), ("kill", "skip-generation-check"), ("io", "double-refund"),
    ("hostile", "forget-dedupe"), ("corrupt", "nonsense"),
  ])
  func `a sabotage that a mode cannot show is a wrong call`(
    _ mode: String, _ sabotage: String
  ) async throws {
    let ended = try await ChaosProcess.run([mode, "--cycles", "1", "--sabotage", sabotage])
    #expect(ended.status == 2)
    #expect(ended.output.isEmpty, "\(ended.output)")
  }

  @Test func `the command ends with one JSON object, and names each fault on stderr`()
    async throws
  {
    let ended = try await ChaosProcess.run(["power", "--cycles", "1", "--seed", "3"])
    #expect(ended.status == 0)
    #expect(ended.report["mode"] as? String == "power")
    #expect(ended.report["cycles"] as? Int == 1)
    #expect(ended.errors.contains("cycle 1: unsynced writes"))
  }
}
