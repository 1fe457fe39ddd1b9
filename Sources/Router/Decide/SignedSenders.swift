import Edge
import Wire

/// Addresses that lately sent a webhook with an app's valid signature; decides, without I/O.
///
/// Each app by itself: whoever has an app's secret may sign from anywhere, and is to become known
/// to no other app by it, nor to make another's senders unknown. Two generations of a bounded
/// table, as in `AddressLimit`: who signs moves to the young one, and the old one is forgotten.
struct SignedSenders: Sendable {
  private let interval: Int64
  private let perApp: Int
  private var young: [MetaAppID: Set<NetworkAddress>] = [:]
  private var old: [MetaAppID: Set<NetworkAddress>] = [:]
  private var turnedAt: Int64 = 0

  init(limits: RouterLimits) {
    interval = limits.senderTime.components.seconds * 1_000_000_000
    perApp = limits.sendersPerApp
  }

  /// - Parameter now: In nanoseconds of a clock that does not go back.
  mutating func contains(_ address: NetworkAddress, of app: MetaAppID, now: Int64) -> Bool {
    turn(now)
    let key = address.limitKey
    return young[app, default: []].contains(key) || old[app, default: []].contains(key)
  }

  /// Notes a valid signature; where its app has no room, the address stays unknown.
  mutating func note(_ address: NetworkAddress, of app: MetaAppID, now: Int64) {
    turn(now)
    guard young[app, default: []].count < perApp else { return }
    young[app, default: []].insert(address.limitKey)
  }

  private mutating func turn(_ now: Int64) {
    let age = now - turnedAt
    guard age >= interval else { return }
    old = age < 2 * interval ? young : [:]
    young = [:]
    turnedAt = now
  }
}
