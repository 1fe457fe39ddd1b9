/// Counts of durations by power of two, from 1 µs to over a minute: cheap to record, exact to add.
public struct Histogram: Sendable, Hashable {
  /// Upper bounds double from 1 µs; the last bucket has none.
  public static let bucketCount = 28

  public private(set) var counts = [UInt64](repeating: 0, count: bucketCount)
  public private(set) var sumMicroseconds: UInt64 = 0

  public init() {}

  public mutating func record(microseconds: Int64) {
    let value = UInt64(max(0, microseconds))
    let bucket = value <= 1 ? 0 : min(Self.bucketCount - 1, 64 - (value - 1).leadingZeroBitCount)
    counts[bucket] += 1
    sumMicroseconds &+= value
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
      if seen >= rank { return 1 << UInt64(bucket) }
    }
    return 1 << UInt64(Self.bucketCount - 1)
  }

  public mutating func add(_ other: Histogram) {
    for index in counts.indices { counts[index] += other.counts[index] }
    sumMicroseconds &+= other.sumMicroseconds
  }
}
