/// WhatsApp's limit per pair of number and user: one message in 6 seconds, of which up to 45 may be
/// borrowed from the future.
struct PairLimiter: Sendable {
  private struct Pair: Hashable {
    let number: String
    let contact: String
  }
  /// When each pair would be even again, in milliseconds of the tenant's time.
  private var evenAt: [Pair: Int64] = [:]
  private let limit: Int

  static let intervalMilliseconds: Int64 = 6_000
  static let burst: Int64 = 45

  /// - Parameter limit: How many pairs are remembered.
  init(limit: Int) { self.limit = limit }

  /// Counts a message; nil where it may go now, else when it may.
  mutating func admit(_ number: String, _ contact: String, now: Int64) -> Int64? {
    let pair = Pair(number: number, contact: contact)
    // The clock may have been set back: nobody has borrowed more than there is to borrow.
    let even = min(max(evenAt[pair] ?? now, now), now + Self.burst * Self.intervalMilliseconds)
    let earliest = even - (Self.burst - 1) * Self.intervalMilliseconds
    guard earliest <= now else { return earliest }
    if evenAt.count >= limit, evenAt[pair] == nil { forget(now) }
    evenAt[pair] = even + Self.intervalMilliseconds
    return nil
  }

  /// Forgets pairs that are even, and where all are busy those that will be even first.
  private mutating func forget(_ now: Int64) {
    evenAt = evenAt.filter { $0.value > now }
    guard evenAt.count >= limit else { return }
    let keep = evenAt.sorted { $0.value > $1.value }.prefix(limit / 2)
    evenAt = Dictionary(uniqueKeysWithValues: keep.map { ($0.key, $0.value) })
  }

  /// A message that was counted does not leave now.
  mutating func giveBack(_ number: String, _ contact: String) {
    evenAt[Pair(number: number, contact: contact)]? -= Self.intervalMilliseconds
  }

  var isEmpty: Bool { evenAt.isEmpty }

  mutating func forgetEven(now: Int64) { evenAt = evenAt.filter { $0.value > now } }

  // On its way to another cell.

  /// One pair's state as of now.
  struct Left: Hashable, Sendable {
    let number: String
    let contact: String
    /// Milliseconds until the pair is even.
    let evenIn: Int64
  }

  /// The pairs that have borrowed more than one message, those that borrowed the most first.
  ///
  /// One message of 45 is not worth its bytes in a move's pause.
  func left(now: Int64, limit: Int) -> [Left] {
    evenAt.filter { $0.value > now + Self.intervalMilliseconds }
      .sorted { $0.value > $1.value }.prefix(limit)
      .map { Left(number: $0.key.number, contact: $0.key.contact, evenIn: $0.value - now) }
  }

  mutating func take(_ left: some Sequence<Left>, now: Int64) {
    for pair in left {
      let evenIn = min(max(0, pair.evenIn), Self.burst * Self.intervalMilliseconds)
      evenAt[Pair(number: pair.number, contact: pair.contact)] = now + evenIn
    }
  }
}
