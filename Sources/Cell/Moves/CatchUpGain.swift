/// Whether catching up with a tenant that is written comes nearer to its end.
///
/// A rest costs what is written meanwhile, so only a gain pays for one: that less waits than ever
/// before. A tenant that is written as fast as its records are sent gets no rest that would keep it
/// from ever being caught up with.
struct CatchUpGain: Sendable {
  private var least = Int.max

  /// Whether `waiting` bytes are fewer than in every round before; remembers them.
  mutating func isSeen(in waiting: Int) -> Bool {
    guard waiting < least else { return false }
    least = waiting
    return true
  }
}
