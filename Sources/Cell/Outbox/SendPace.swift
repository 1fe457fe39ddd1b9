/// How fast one tenant may send: the pace of each of its numbers, and of each pair of number and
/// recipient.
///
/// No I/O. It outlives the runs of the tenant's outbox, and travels when the tenant moves: a
/// number that Graph told to slow down must not go at its full rate because nothing was to send
/// for a moment.
struct SendPace: Sendable {
  private var numbers: [String: NumberPacer] = [:]
  private var pairs: PairLimiter

  /// Until a number's own rate is read: the Cloud API's usual one.
  static let usualRate = 80
  /// A tenant's numbers and pairs that travel with it at most: the slowest numbers, and the pairs
  /// that have sent the most.
  static let travellingNumbers = 1_000
  static let travellingPairs = 500

  /// - Parameter pairs: How many pairs are remembered.
  init(pairs: Int) { self.pairs = PairLimiter(limit: pairs) }

  /// Numbers that a pace is known of.
  var known: [String] { Array(numbers.keys) }

  /// How many messages may leave a number now.
  mutating func available(_ number: String, _ now: UInt64) -> Int {
    numbers[number]?.available(now) ?? max(1, Self.usualRate / 10)
  }

  /// Counts a message of a pair; nil where it may go now, else when it may.
  mutating func admit(_ number: String, _ contact: String, now: Int64) -> Int64? {
    pairs.admit(number, contact, now: now)
  }

  /// A message that was counted does not leave now.
  mutating func giveBack(_ number: String, _ contact: String) { pairs.giveBack(number, contact) }

  /// A message leaves a number, whose rate is known by now.
  mutating func take(_ number: String, ratePerSecond: Int, _ now: UInt64) {
    var pacer = numbers[number] ?? NumberPacer(ratePerSecond: ratePerSecond, now: now)
    if pacer.ratePerSecond != ratePerSecond { pacer.setRate(ratePerSecond) }
    pacer.take(1, now)
    numbers[number] = pacer
  }

  /// Whether an outcome says that its number sends too fast.
  static func slows(_ result: SendResult) -> Bool { pause(result) != nil }

  /// How long such a number rests, in nanoseconds.
  private static func pause(_ result: SendResult) -> UInt64? {
    guard case .refused(let error) = result.outcome else { return nil }
    let rule = GraphErrorRules.rule(for: error)
    guard rule.effects.contains(.slowNumber), let retry = rule.retry else { return nil }
    return UInt64(retry.firstDelayMilliseconds) * 1_000_000
  }

  /// Graph answered; "too fast" lowers the number's pace.
  mutating func hear(_ result: SendResult, _ now: UInt64) {
    guard let pause = Self.pause(result) else { return }
    numbers[
      result.phoneNumberID, default: NumberPacer(ratePerSecond: Self.usualRate, now: now)
    ].slowDown(nanoseconds: pause, now)
  }

  /// How long until a number has tokens for a good batch; nil where it has some now.
  mutating func waitForBatch(_ number: String, _ now: UInt64) -> UInt64? {
    guard var pacer = numbers[number], pacer.available(now) <= 0 else { return nil }
    return pacer.wait(for: (pacer.burst + 1) / 2, now)
  }

  /// Forgets what has rested; answers whether that is all.
  mutating func rest(_ now: UInt64, milliseconds: Int64) -> Bool {
    numbers = numbers.filter { !$0.value.isRested(now) }
    pairs.forgetEven(now: milliseconds)
    return numbers.isEmpty && pairs.isEmpty
  }

  // On its way to another cell.

  /// What a number's and a pair's pace are as of now, for a cell with other clocks.
  struct Left: Hashable, Sendable {
    var numbers: [String: NumberPacer.Left] = [:]
    var pairs: [PairLimiter.Left] = []
  }

  func left(_ now: UInt64, milliseconds: Int64) -> Left {
    let busy = numbers.filter { !$0.value.isRested(now) }
      .map { (name: $0.key, left: $0.value.left(now)) }
      .sorted { ($1.left.slowFor, $0.left.tokens) < ($0.left.slowFor, $1.left.tokens) }
    return Left(
      numbers: Dictionary(
        uniqueKeysWithValues: busy.prefix(Self.travellingNumbers).map { ($0.name, $0.left) }),
      pairs: pairs.left(now: milliseconds, limit: Self.travellingPairs))
  }

  /// The pace that a tenant had in the cell that it came from.
  init(_ left: Left, pairs: Int, _ now: UInt64, milliseconds: Int64) {
    self.init(pairs: pairs)
    for (name, pacer) in left.numbers.prefix(Self.travellingNumbers) {
      numbers[name] = NumberPacer(pacer, now: now)
    }
    self.pairs.take(left.pairs.prefix(Self.travellingPairs), now: milliseconds)
  }
}
