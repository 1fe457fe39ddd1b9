import Edge
import Platform
import Simulation
import Storage
import Testing
import Wire

@testable import Cell

/// What has been used of a tenant's rates, on its way between two cells whose clocks differ.
@Suite("Travelling rates") struct TravellingRatesTests {
  private static let tenant = TenantID(trusted: "t1")
  private static let user = RowID(7)

  /// One cell's rates, and its clocks.
  private struct Side {
    let clock: SimulatedWallClock
    let rates: TravellingRates
    /// What the tenant's outbox holds.
    let pace: HeldPace

    init(hour: Int64) {
      clock = SimulatedWallClock(milliseconds: hour * 3_600_000)
      let boot = FakeBoot(clock: clock)
      let store = DirectTenants(
        schema: CellSchema.schema, clock: clock, random: SeededRandomSource(seed: 1))
      rates = TravellingRates(
        keys: APIKeys(store: store, clock: clock, boot: boot), signIns: SignInLimits(boot: boot),
        paces: SendPaces(boot: boot, clock: clock))
      pace = rates.paces.begun(TravellingRatesTests.tenant)
    }

    var now: UInt64 { FakeBoot(clock: clock).nanoseconds() }

    func ask(_ subject: SignInLimits.Subject) -> Bool { rates.signIns.ask(subject) == .allowed }

    func admits(_ contact: String) -> Bool {
      let now = clock.milliseconds()
      return pace.use { $0.admit("n", contact, now: now) == nil }
    }

    func available(_ number: String) -> Int {
      let now = now
      return pace.use { $0.available(number, now) }
    }
  }

  private static func move(_ source: Side, _ target: Side) {
    var message = Aimstors_ProtoMoveRelease()
    source.rates.note(tenant)
    source.rates.forget(tenant)
    source.rates.add(to: &message, of: tenant)
    target.rates.take(message, of: tenant)
  }

  @Test func `who is locked out stays locked out, and nobody else is`() {
    let (source, target) = (Side(hour: 9), Side(hour: 1))
    let subjects: [SignInLimits.Subject] = [
      .person(Self.tenant, "a@x"), .secondFactor(Self.tenant, Self.user),
      .address(Self.tenant, NetworkAddress("192.0.2.1")), .letter(Self.tenant, "a@x"),
    ]
    let stranger = SignInLimits.Subject.person(TenantID(trusted: "t2"), "a@x")
    for subject in subjects + [stranger] { while source.ask(subject) {} }
    Self.move(source, target)
    for subject in subjects {
      #expect(!target.ask(subject), "\(subject)")
      // It left, and nothing of it stays.
      #expect(source.ask(subject), "\(subject)")
    }
    #expect(!source.ask(stranger))
    #expect(target.ask(stranger))
    // The rate goes on as it would have: five minutes are one letter.
    target.clock.advance(milliseconds: 300_000)
    for subject in subjects { #expect(target.ask(subject), "\(subject)") }
    #expect(!target.ask(subjects[3]))
  }

  @Test func `a number keeps its tokens, its pause and its slowness`() {
    let (source, target) = (Side(hour: 9), Side(hour: 1))
    let now = source.now
    source.pace.use { pace in
      for _ in 0..<7 { pace.take("busy", ratePerSecond: 80, now) }
      pace.take("slow", ratePerSecond: 80, now)
      pace.slow("slow", now)
    }
    Self.move(source, target)
    #expect(target.available("busy") == 1)
    #expect(target.available("slow") == 0)
    target.clock.advance(milliseconds: 1_000)
    #expect(target.available("busy") == 8)
    let later = target.now
    let wait = target.pace.use { pace in
      for _ in 0..<8 { pace.take("slow", ratePerSecond: 80, later) }
      return pace.waitForBatch("slow", later)
    }
    // Four tokens at half of 72 a second.
    #expect(wait == 4_000_000_000 / 36 + 1)
  }

  @Test func `a pair that has borrowed all it may borrows no more elsewhere`() {
    let (source, target) = (Side(hour: 9), Side(hour: 1))
    while source.admits("a") {}
    #expect(source.admits("b"))
    Self.move(source, target)
    #expect(!target.admits("a"))
    target.clock.advance(milliseconds: 6_000)
    #expect(target.admits("a"))
    #expect(!target.admits("a"))
  }

  @Test func `the pairs that have borrowed the most travel, and no more than fit`() {
    var pace = SendPace(pairs: 10_000)
    for pair in 0..<600 { for _ in 0..<(2 + pair / 100) { _ = pace.admit("n", "\(pair)", now: 0) } }
    let left = pace.left(0, milliseconds: 0)
    #expect(left.pairs.count == SendPace.travellingPairs)
    #expect(left.pairs.map(\.evenIn).min() == 18_000)
  }

  @Test func `what another cell says is held within its limits`() {
    let target = Side(hour: 1)
    var message = Aimstors_ProtoMoveRelease()
    var number = Aimstors_ProtoNumberPace()
    number.phoneNumberID = "n"
    number.ratePerSecond = .max
    number.tokens = .max
    number.pausedForNs = .max
    number.slowForNs = .max
    message.numbers = [number]
    var pair = Aimstors_ProtoPairPace()
    pair.phoneNumberID = "n"
    pair.contact = "a"
    pair.evenInMs = .max
    message.pairs = [pair]
    var signIn = Aimstors_ProtoSignInMeter()
    signIn.kind = "person"
    signIn.key = "a@x"
    signIn.emptyInNs = .max
    var unknown = signIn
    unknown.kind = "palm"
    message.signIns = [signIn, unknown]
    target.rates.take(message, of: Self.tenant)
    #expect(target.available("n") == 0)
    #expect(!target.admits("a"))
    #expect(!target.ask(.person(Self.tenant, "a@x")))
    target.clock.advance(milliseconds: 3_600_000)
    #expect(target.available("n") == NumberPacer.largestRate / 10)
    #expect(target.admits("a"))
    #expect(target.ask(.person(Self.tenant, "a@x")))
  }

  @Test func `a key that somebody made very long is no longer than a hash`() {
    let (source, target) = (Side(hour: 9), Side(hour: 1))
    let long = SignInLimits.Subject.letter(
      Self.tenant, String(repeating: "a", count: 3_000_000))
    while source.ask(long) {}
    #expect(source.rates.signIns.left(of: Self.tenant).map(\.key.utf8.count) == [64])
    Self.move(source, target)
    #expect(!target.ask(long))
  }

  /// A release that cannot be told would leave its tenant without an owner.
  @Test func `rates that make a message too large stay behind`() {
    let source = Side(hour: 9)
    let now = source.now
    source.pace.use {
      $0.take(String(repeating: "n", count: 2_000_000), ratePerSecond: 80, now)
    }
    source.rates.note(Self.tenant)
    var message = Aimstors_ProtoMoveRelease()
    message.tenant = Self.tenant.rawValue
    let before = message
    source.rates.add(to: &message, of: Self.tenant)
    #expect(message == before)
  }

  @Test func `a tenant that has nothing to send for a moment is as slow as before`() {
    let side = Side(hour: 9)
    let now = side.now
    side.pace.use { $0.slow("n", now) }
    side.rates.paces.ended(Self.tenant)
    #expect(side.rates.paces.left(of: Self.tenant).numbers["n"]?.slowFor == 61_000_000_000)
    let again = side.rates.paces.begun(Self.tenant)
    #expect(again.use { $0.available("n", now) } == 0)
    // A minute after its pause it is as fast as ever, and forgotten.
    side.clock.advance(milliseconds: 62_000)
    side.rates.paces.ended(Self.tenant)
    #expect(side.rates.paces.left(of: Self.tenant) == SendPace.Left())
    let fresh = side.rates.paces.begun(Self.tenant)
    again.use { $0.slow("n", side.now) }
    #expect(fresh.use { $0.available("n", side.now) } == 8)
  }

  @Test func `an outbox that runs keeps its tenant's pace, however many others begin`() {
    let side = Side(hour: 9)
    for other in 0..<(2 * SendPaces.smallestBound) {
      _ = side.rates.paces.begun(TenantID(trusted: "u\(other)"))
    }
    let now = side.now
    side.pace.use { $0.slow("n", now) }
    #expect(side.rates.paces.left(of: Self.tenant).numbers["n"] != nil)
  }

  @Test func `an outcome that comes late slows a number that has sent nothing here`() {
    let side = Side(hour: 9)
    let tooFast = GraphError(code: 130_429, title: "too fast")
    side.rates.paces.hear(
      SendResult(id: RowID(1), phoneNumberID: "n", outcome: .refused(tooFast)), of: Self.tenant)
    #expect(side.available("n") == 0)
  }
}

extension SendPace {
  /// Graph says that a number sends too fast.
  fileprivate mutating func slow(_ number: String, _ now: UInt64) {
    let tooFast = GraphError(code: 130_429, title: "too fast")
    hear(SendResult(id: RowID(1), phoneNumberID: number, outcome: .refused(tooFast)), now)
  }
}

extension TravellingRates {
  /// Whether rates are noted for a target that asks for the tenant's release.
  func hasNote(of tenant: TenantID) -> Bool {
    let empty = Aimstors_ProtoMoveRelease()
    var message = empty
    add(to: &message, of: tenant)
    return message != empty
  }
}
