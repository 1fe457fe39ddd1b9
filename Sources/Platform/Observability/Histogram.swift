/// Counts of durations in quarters of powers of two, from 1 µs to over a minute: cheap to record,
/// exact to add, and no value further than a quarter from its bucket's bound.
public struct Histogram: Sendable, Hashable {
  /// The quarters of 25 powers of two behind 1, 2, 3 and 4 µs, and one without a bound.
  public static let bucketCount = 101

  public private(set) var counts = [UInt64](repeating: 0, count: bucketCount)
  public private(set) var sumMicroseconds: UInt64 = 0

  public init() {}

  public mutating func record(microseconds: Int64) {
    let value = UInt64(max(0, microseconds))
    counts[Self.bucket(of: value)] += 1
    sumMicroseconds &+= value
  }

  public mutating func record(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    record(microseconds: seconds * 1_000_000 + attoseconds / 1_000_000_000_000)
  }

  public var count: UInt64 { counts.reduce(0, +) }

  /// The upper bound in µs of the bucket that holds the given share (0 to 1000 per mille).
  public func quantile(perMille: UInt64) -> UInt64 {
    let total = count
    guard total > 0 else { return 0 }
    let rank = max(1, (total * perMille + 999) / 1000)
    var seen: UInt64 = 0
    for (bucket, count) in counts.enumerated() {
      seen += count
      if seen >= rank { return Self.bound(of: bucket) }
    }
    return Self.bound(of: Self.bucketCount - 1)
  }

  public mutating func add(_ other: Histogram) {
    for index in counts.indices { counts[index] += other.counts[index] }
    sumMicroseconds &+= other.sumMicroseconds
  }

  /// The largest duration in µs that the bucket holds; of the last one, what it would be.
  public static func bound(of bucket: Int) -> UInt64 {
    guard bucket >= 4 else { return UInt64(bucket + 1) }
    let power = UInt64(bucket / 4 + 1)
    return (UInt64(bucket % 4) + 5) << (power - 2)
  }

  private static func bucket(of value: UInt64) -> Int {
    guard value > 4 else { return Int(max(1, value)) - 1 }
    // Bounds belong to their buckets: what lies in (2^power, 2^(power + 1)] is split in four.
    let power = 63 - (value - 1).leadingZeroBitCount
    let quarter = Int((value - 1) >> UInt64(power - 2)) - 4
    return min(bucketCount - 1, (power - 1) * 4 + quarter)
  }
}
