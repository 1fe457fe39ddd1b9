/// The generations that a follower takes groups of.
///
/// The caller makes a raised fence durable before it answers anybody.
public struct FollowerFence: Hashable, Sendable {
  /// The lowest generation that is not refused.
  public private(set) var generation: Generation

  public init(generation: Generation) { self.generation = generation }

  /// Whether a primary of `generation` may append here.
  public func admits(_ generation: Generation) -> Bool { generation >= self.generation }

  /// Refuses everything below from here on; answers whether that is news.
  public mutating func raise(to generation: Generation) -> Bool {
    guard generation > self.generation else { return false }
    self.generation = generation
    return true
  }
}
