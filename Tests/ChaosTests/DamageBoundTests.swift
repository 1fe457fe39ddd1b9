import Simulation
import Storage
import Testing
import Wire

@testable import Chaos

/// That `chaos corrupt` sees a start or a repair that takes more than what was spoiled.
@Suite(.serialized) struct DamageBoundTests {
  private static let payments = PaymentLoad.payments(24)

  /// A journal with a record of each payment, and its groups.
  private func written() async throws -> (SimulatedDisk, [JournalInspection.Group]) {
    let machine = StorageMachine(vfs: StorageMachine.makeVFS(), seed: 1)
    _ = try await machine.start()
    #expect(await machine.createTenants())
    await PaymentLoad(machine: machine, books: OutsideBooks(), seed: 1).run(Self.payments)
    await machine.close()
    let groups = try JournalInspection.run(
      directory: StorageMachine.journalDirectory, files: machine.disk.fileSystem(),
      detail: .commands
    ).groups
    return (machine.disk, groups)
  }

  @Test func `before the first position that is touched no byte changes`() async throws {
    let (disk, groups) = try await written()
    let random = SeededRandomSource(seed: 1)
    for kind in JournalDamage.allCases where !kind.isForeign {
      for index in groups.indices.dropFirst()
      where groups[index].kind == "records" && groups[index - 1].segment == groups[index].segment {
        let spoiled = disk.copy()
        let first = kind.apply(to: spoiled, groups, at: index, random)
        #expect(first <= groups[index].firstSeq)
        if kind != .zero { #expect(first >= groups[index - 1].firstSeq) }
        for group in groups where group.lastSeq < first {
          let path = "\(StorageMachine.journalDirectory)/\(group.segment)"
          let place = Int(group.offset)..<Int(group.offset) + group.bytes
          let (before, after) = (disk.bytes(path) ?? [], spoiled.bytes(path) ?? [])
          #expect(after.count >= place.upperBound, "\(kind) at group \(group.number)")
          guard after.count >= place.upperBound else { continue }
          #expect(before[place] == after[place], "\(kind) at group \(group.number)")
        }
      }
    }
  }

  @Test func `who and what was not touched is neither stopped nor given up`() async throws {
    let places = PaymentPlaces(try await written().1)
    let tenant = StorageMachine.tenants[0]
    let ids = Set(Self.payments.map(\.id))
    // Behind all, and with all of it.
    let behind = DamageBound(places: places, first: CellSeq(1_000))
    let whole = DamageBound(places: places, first: CellSeq(1))
    #expect(
      behind.complaints(named: [tenant], givenUp: ids, of: Self.payments).count == 2)
    #expect(behind.complaints(named: [], givenUp: [], of: Self.payments).isEmpty)
    #expect(whole.complaints(named: [tenant], givenUp: ids, of: Self.payments).isEmpty)

    func range(_ tenants: DamagedRange.Tenants, last: CellSeq? = CellSeq(1_003)) -> DamagedRange {
      DamagedRange(
        segment: "0000000000000001.journal", startOffset: 512, endOffset: 1_024,
        firstSeq: CellSeq(1_000), lastSeq: last, tenants: tenants, reason: "a test")
    }
    let known = DamagedRange.Tenants.known([tenant: TenantSeq(100)])
    for damage in [[], [range(.unknown(intact: [tenant]))], [range(known)]] {
      #expect(behind.complaints(stopped: [tenant], damage: damage).count == 1, "\(damage)")
      #expect(whole.complaints(stopped: [tenant], damage: damage).isEmpty)
    }
    for damage in [range(.unknown(intact: [])), range(known, last: nil)] {
      #expect(behind.complaints(stopped: [tenant], damage: [damage]).isEmpty, "\(damage)")
    }
  }

  @Test func `only a damaged end excuses a refusal`() {
    let refused = PaymentLoad.payments(2)
    func range(last: CellSeq?) -> DamagedRange {
      DamagedRange(
        segment: "0000000000000001.journal", startOffset: 512, endOffset: 1_024,
        firstSeq: CellSeq(3), lastSeq: last, tenants: .known([:]), reason: "a test")
    }
    for damage in [[], [range(last: CellSeq(4))]] {
      #expect(DamageBound.complaints(refused: refused, damage: damage).count == 1)
      #expect(DamageBound.complaints(refused: [], damage: damage).isEmpty)
    }
    #expect(DamageBound.complaints(refused: refused, damage: [range(last: nil)]).isEmpty)
  }
}
