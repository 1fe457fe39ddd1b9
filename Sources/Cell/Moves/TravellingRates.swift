import Synchronization
import Wire

/// What has been used of a tenant's rates, as it goes with the tenant to another cell.
///
/// Nobody gets a second burst by a move: no API key, nobody who guesses passwords, and no number
/// towards WhatsApp. It goes as time that is left, because the other cell's clocks are others, and
/// a restart of either cell loses it, as it loses what it comes from.
final class TravellingRates: Sendable {
  let keys: APIKeys
  let signIns: SignInLimits
  let paces: SendPaces
  /// Rates of tenants that are being released, until their new owners have adopted.
  private let taken = Mutex<[TenantID: Rates]>([:])

  private struct Rates: Sendable {
    let keys: [KeyMeter]
    let signIns: [SignInLimits.Left]
    let pace: SendPace.Left
  }

  init(keys: APIKeys, signIns: SignInLimits, paces: SendPaces) {
    self.keys = keys
    self.signIns = signIns
    self.paces = paces
  }

  /// Writes down how a fenced tenant's rates stand, for whoever asks from its release on.
  func note(_ tenant: TenantID) {
    let rates = Rates(
      keys: keys.meters(of: tenant), signIns: signIns.left(of: tenant),
      pace: paces.left(of: tenant))
    taken.withLock { $0[tenant] = rates }
  }

  /// The new owner has what was noted, or nobody will.
  func dropNote(_ tenant: TenantID) {
    taken.withLock { _ = $0.removeValue(forKey: tenant) }
  }

  /// More of them stay behind: nothing that is only a rate may keep a release from being told.
  static let largestMessage = 1 << 20

  /// Adds what was noted to a release.
  func add(to release: inout Aimstors_ProtoMoveRelease, of tenant: TenantID) {
    guard let rates = taken.withLock({ $0[tenant] }) else { return }
    var message = release
    message.meters = rates.keys.map { meter in
      var message = Aimstors_ProtoKeyMeter()
      message.publicID = meter.publicID
      message.emptyInNs = meter.emptyIn
      return message
    }
    message.signIns = rates.signIns.map { meter in
      var message = Aimstors_ProtoSignInMeter()
      message.kind = meter.kind.rawValue
      message.key = meter.key
      message.emptyInNs = meter.emptyIn
      return message
    }
    message.numbers = rates.pace.numbers.map { number, pace in
      var message = Aimstors_ProtoNumberPace()
      message.phoneNumberID = number
      message.ratePerSecond = Int64(pace.ratePerSecond)
      message.tokens = pace.tokens
      message.pausedForNs = pace.pausedFor
      message.slowForNs = pace.slowFor
      return message
    }
    message.pairs = rates.pace.pairs.map { pair in
      var message = Aimstors_ProtoPairPace()
      message.phoneNumberID = pair.number
      message.contact = pair.contact
      message.evenInMs = pair.evenIn
      return message
    }
    guard let bytes: [UInt8] = try? message.serializedBytes(), bytes.count <= Self.largestMessage
    else { return }
    release = message
  }

  /// Goes on with the rates that a tenant had in the cell that released it.
  func take(_ message: Aimstors_ProtoMoveRelease, of tenant: TenantID) {
    forget(tenant)
    keys.take(
      message.meters.map { KeyMeter(publicID: $0.publicID, emptyIn: $0.emptyInNs) }, of: tenant)
    signIns.take(
      message.signIns.compactMap { meter in
        SignInLimits.Kind(rawValue: meter.kind).map {
          SignInLimits.Left(kind: $0, key: meter.key, emptyIn: meter.emptyInNs)
        }
      }, of: tenant)
    var pace = SendPace.Left()
    for number in message.numbers {
      pace.numbers[number.phoneNumberID] = NumberPacer.Left(
        ratePerSecond: Int(clamping: number.ratePerSecond), tokens: number.tokens,
        pausedFor: number.pausedForNs, slowFor: number.slowForNs)
    }
    pace.pairs = message.pairs.map {
      PairLimiter.Left(number: $0.phoneNumberID, contact: $0.contact, evenIn: $0.evenInMs)
    }
    paces.take(pace, of: tenant)
  }

  /// The tenant is not here any more, or came back as another state of itself.
  func forget(_ tenant: TenantID) {
    keys.forget(tenant)
    signIns.forget(tenant)
    paces.forget(tenant)
  }
}
