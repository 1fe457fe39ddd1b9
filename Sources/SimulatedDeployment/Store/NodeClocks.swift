import Wire

/// A node's clocks: the one that only rises, and the one on its wall, which is set forwards and
/// backwards.
final class NodeClocks {
  /// 2026-11-23T12:00:00Z: where every wall's clock begins.
  private static let beginning: Int64 = 1_795_435_200_000

  private let microseconds: () -> Int64
  /// What the wall's clock is ahead of the truth, in milliseconds.
  private var lead: Int64 = 0

  /// `microseconds`: the simulated time.
  init(_ microseconds: @escaping () -> Int64) { self.microseconds = microseconds }

  var nanoseconds: UInt64 { UInt64(microseconds()) * 1_000 }

  var wall: Timestamp {
    Timestamp(milliseconds: Self.beginning + microseconds() / 1_000 + lead)
  }

  func setWall(ahead milliseconds: Int) { lead = Int64(milliseconds) }
}
