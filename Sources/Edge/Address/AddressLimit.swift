/// A rate per address: GCRA in integer nanoseconds, one number per address, in bounded memory.
///
/// Two generations of a table: an address moves to the young one when it asks, the old one is
/// thrown away after at least a full burst, when all in it have recovered. An address that finds no
/// room shares one number with all others that find none.
public struct AddressLimit: Sendable {
  private let interval: Int64
  /// How far ahead of real time an address may run: (burst - 1) intervals.
  private let tolerance: Int64
  private let capacity: Int
  private var young: [NetworkAddress: Int64] = [:]
  private var old: [NetworkAddress: Int64] = [:]
  private var shared: Int64 = 0
  private var turnedAt: Int64 = 0

  public init(perSecond: Int, burst: Int, capacity: Int) {
    precondition(perSecond > 0 && burst > 0 && capacity > 0, "a limit of nothing is no limit")
    interval = max(1, 1_000_000_000 / Int64(perSecond))
    tolerance = Int64(burst - 1) * interval
    self.capacity = capacity
  }

  /// Counts one request; answers how many nanoseconds to wait, 0 where it may pass.
  ///
  /// A refusal does not count.
  public mutating func ask(_ address: NetworkAddress, now: Int64) -> Int64 {
    if now - turnedAt > tolerance + interval {
      old = young
      young.removeAll(keepingCapacity: true)
      turnedAt = now
    }
    let key = address.limitKey
    let known = young[key] ?? old[key]
    let fits = young[key] != nil || young.count < capacity
    let due = max(fits ? known ?? now : shared, now)
    let wait = due - tolerance - now
    if wait > 0 { return wait }
    if fits { young[key] = due + interval } else { shared = due + interval }
    return 0
  }

  public var count: Int { young.count + old.count }
}
