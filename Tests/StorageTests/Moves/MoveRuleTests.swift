import Storage
import Testing
import Wire

/// Every step of a move from everywhere that a tenant's head may stand.
@Suite("What a move may make durable") struct MoveRuleTests {
  /// Where a head stands before a step under epoch 2.
  enum Place: CaseIterable {
    case unknown
    case owned
    /// The cell's own again after a move under epoch 2 was given up.
    case burned
    /// The cell's own since a move under epoch 2.
    case adopted
    case moving
    case released
    case importing
    case ready
    case refused

    var head: TenantHead? {
      switch self {
      case .unknown: nil
      case .owned: MoveRuleTests.head(.owned, epoch: 1, armed: 1)
      case .burned: MoveRuleTests.head(.owned, epoch: 1, armed: 2)
      case .adopted: MoveRuleTests.head(.owned, epoch: 2, armed: 2)
      case .moving: MoveRuleTests.head(.moving, epoch: 1, armed: 2)
      case .released: MoveRuleTests.head(.released, epoch: 1, armed: 2)
      case .importing: MoveRuleTests.head(.importing, epoch: 1, armed: 2)
      case .ready: MoveRuleTests.head(.ready, epoch: 1, armed: 2)
      case .refused: MoveRuleTests.head(.refused, epoch: 1, armed: 2)
      }
    }
  }

  private static let last = SHA256Hash.of([1])
  private static let other = SHA256Hash.of([2])

  private static func head(
    _ ownership: TenantHead.Ownership, epoch: UInt64, armed: UInt64
  ) -> TenantHead {
    TenantHead(
      lineage: Lineage(1), tenantSeq: TenantSeq(9), hash: last, epoch: Epoch(epoch),
      ownership: ownership, time: Timestamp(milliseconds: 1), schemaVersion: 1, nextDue: nil,
      cellSeq: CellSeq(1), armed: Epoch(armed), counterpart: CellID(trusted: "other"))
  }

  /// A step, and what it is answered from each place, in the order of ``Place``.
  struct Row: Sendable, CustomTestStringConvertible {
    let name: String
    let step: MoveStep
    let answers: [FailureCode?]
    var testDescription: String { name }

    init(_ name: String, _ step: MoveStep, _ answers: String) {
      (self.name, self.step) = (name, step)
      self.answers = answers.split(separator: " ").map { letter in
        switch letter {
        case ".": nil
        case "n": .notFound
        case "d": .alreadyDone
        case "s": .epochStale
        case "c": .conflict
        default: preconditionFailure("no answer \(letter)")
        }
      }
    }
  }

  /// n `not_found`, d `already_done`, s `epoch_stale`, c `conflict`; a point: it is taken.
  ///
  /// Places as in ``Place``: unknown, owned, burned, adopted, moving, released, importing, ready,
  /// refused.
  private static let rows: [Row] = [
    Row("begin", .begin(Epoch(2)), "n . s s d n n n n"),
    Row("begin the next", .begin(Epoch(3)), "n . . . c n n n n"),
    Row("burn", .burn(Epoch(2)), "n d d d . n n n n"),
    Row("burn another", .burn(Epoch(3)), "n d d d c n n n n"),
    Row("release", .release(Epoch(2), ready: last), "n s s s . d n n n"),
    Row(
      "release to a target ready for another record", .release(Epoch(2), ready: other),
      "n s s s c d n n n"),
    Row("release under another epoch", .release(Epoch(3), ready: last), "n s s s s s n n n"),
    Row("concede", .concede(Epoch(2)), "n n n n . d n n n"),
    Row("import", .importing(Epoch(2)), ". c c c c s s c s"),
    Row("import anew", .importing(Epoch(3)), ". c c c c . . c ."),
    Row("ready", .ready(Epoch(2), hash: last), "n n n n n n . d n"),
    Row("ready for another record", .ready(Epoch(2), hash: other), "n n n n n n c n n"),
    Row("ready under another epoch", .ready(Epoch(3), hash: last), "n n n n n n n n n"),
    Row("adopt", .adopt(Epoch(2), after: last), "n n n d n n n . n"),
    Row("adopt after another record", .adopt(Epoch(2), after: other), "n n n d n n n c n"),
    Row("adopt under another epoch", .adopt(Epoch(3), after: last), "n n n n n n n n n"),
    Row("refuse", .refuse(Epoch(2)), "n n c c c c . . d"),
    Row("refuse another", .refuse(Epoch(3)), "n n n n n n n n n"),
  ]

  @Test(arguments: rows)
  func `each step is taken where it follows, and answered everywhere else`(row: Row) throws {
    try #require(row.answers.count == Place.allCases.count)
    for (place, answer) in zip(Place.allCases, row.answers) {
      #expect(MoveRule.refusal(of: row.step, at: place.head)?.code == answer, "\(place)")
    }
  }

  @Test func `a release told again after the tenant has moved on was adopted`() {
    for (ownership, armed) in [
      (TenantHead.Ownership.moving, 3 as UInt64), (.released, 3), (.owned, 4),
    ] {
      let head = Self.head(ownership, epoch: 2, armed: armed)
      let refusal = MoveRule.refusal(of: .adopt(Epoch(2), after: Self.last), at: head)
      #expect(refusal?.code == .alreadyDone)
    }
  }

  /// The source would put its files aside, and nobody would serve the tenant.
  @Test(arguments: [RecordKind.import, .ready, .refuse])
  func `who never owned the tenant has adopted nothing`(kind: RecordKind) {
    var head = after(.import, .unknown)
    if kind != .import {
      head = TenantHead(after: head, identity(kind, epoch: 2), hash: Self.other, at: CellSeq(3))
    }
    #expect(head.epoch == Epoch(0) && head.armed == Epoch(2))
    var old = head
    old.epoch = Epoch(2)
    for head in [head, old] {
      // Told the release of another record than the last one here.
      let refusal = MoveRule.refusal(of: .adopt(Epoch(2), after: Self.other), at: head)
      #expect(refusal?.code == (kind == .ready ? .conflict : .notFound), "\(head)")
    }
    let again = TenantHead(
      after: head, identity(.import, epoch: 3), hash: Self.other, at: CellSeq(4))
    #expect(MoveRule.refusal(of: .adopt(Epoch(2), after: Self.last), at: again)?.code == .notFound)
  }

  private func identity(_ kind: RecordKind, epoch: UInt64) -> RecordIdentity {
    RecordIdentity(
      tenant: TenantID(trusted: "t"), lineage: Lineage(1), epoch: Epoch(epoch),
      tenantSeq: TenantSeq(10), previousHash: Self.last, time: Timestamp(milliseconds: 2),
      schemaVersion: 1, kind: kind, nextDue: nil)
  }

  /// The head after a record of a kind, at a place.
  private func after(_ kind: RecordKind, _ place: Place, epoch: UInt64 = 2) -> TenantHead {
    TenantHead(
      after: place.head, identity(kind, epoch: epoch),
      hash: Self.other, at: CellSeq(2), counterpart: CellID(trusted: "other"))
  }

  /// A record from a place, and where the head stands then.
  struct Lead: Sendable {
    let kind: RecordKind
    let place: Place
    let ownership: TenantHead.Ownership
    var epoch: UInt64 = 1
    var armed: UInt64 = 2

    static let all = [
      Lead(kind: .begin, place: .owned, ownership: .moving),
      Lead(kind: .burn, place: .moving, ownership: .owned),
      Lead(kind: .release, place: .moving, ownership: .released),
      Lead(kind: .import, place: .unknown, ownership: .importing, epoch: 0),
      Lead(kind: .import, place: .refused, ownership: .importing, armed: 3),
      Lead(kind: .import, place: .released, ownership: .importing, armed: 3),
      Lead(kind: .ready, place: .importing, ownership: .ready),
      Lead(kind: .adopt, place: .ready, ownership: .owned, epoch: 2),
      Lead(kind: .refuse, place: .importing, ownership: .refused),
      Lead(kind: .refuse, place: .ready, ownership: .refused),
    ]
  }

  @Test(arguments: Lead.all)
  func `a record that is taken leads to one place`(lead: Lead) {
    let head = after(lead.kind, lead.place, epoch: lead.armed)
    #expect(head.ownership == lead.ownership)
    #expect(head.epoch == Epoch(lead.epoch))
    #expect(head.armed == Epoch(lead.armed))
    #expect(head.hash == (lead.kind.isInChain ? Self.other : Self.last))
  }

  @Test(arguments: [RecordKind.commands, .schemaStep, .begin, .burn, .release])
  func `a source's record on its way here makes nobody an owner`(kind: RecordKind) {
    let head = after(kind, .importing, epoch: 7)
    #expect(head.ownership == .importing)
    #expect(head.armed == Epoch(2))
    #expect(head.hash == Self.other)
  }
}
