import Alerts
import Cryptography
import Logging
import Storage
import Synchronization
import Wire

/// Seals the platform's own secrets anew once the key file has a newer key: Meta apps', operators'
/// second factors, alert channels'.
///
/// They are few: all of them go in one transaction.
final class Resealing: Sendable {
  private let store: PlatformStore
  private let sealer: Sealer
  private let logger: Logger
  /// The key that all was found to be sealed with last.
  private let done = Mutex<[UInt8]?>(nil)

  init(store: PlatformStore, sealer: Sealer, logger: Logger) {
    self.store = store
    self.sealer = sealer
    self.logger = logger
  }

  /// Whether something may still be sealed with an older key.
  var isPending: Bool { done.withLock { $0 } != sealer.currentIdentifier }

  /// Looks through all where the newest key is not the one of the last time.
  func round(trace: String) async {
    let (sealer, wanted) = (sealer, sealer.currentIdentifier)
    guard isPending else { return }
    do throws(Failure) {
      let isOld = try await store.read { try Self.old($0, sealer) != Old() }
      if isOld {
        let count = try await store.write(trace: trace) { transaction, rows in
          try Self.reseal(transaction, rows, sealer)
        }
        logger.notice(
          "the platform's secrets are sealed with the newest key",
          metadata: ["resealed": "\(count)"])
      }
      done.withLock { $0 = wanted }
    } catch {
      logger.warning(
        "the platform's secrets are not sealed anew", metadata: ["code": "\(error.code.rawValue)"])
    }
  }

  private struct Old: Hashable, Sendable {
    var apps: [SealedMetaApp] = []
    var factors: [OperatorFactor] = []
    var channels: [AlertChannel] = []
  }

  private static func old(_ rows: PlatformRows, _ sealer: Sealer) throws -> Old {
    Old(
      apps: try rows.metaApps(changedAfter: 0).filter { !sealer.isCurrent($0) },
      factors: try rows.factors().filter {
        !sealer.isCurrent($0.secret, context: OperatorFactor.context(of: $0.operatorID))
      },
      channels: try rows.alertChannels().filter {
        !sealer.isCurrent($0.sealedTarget, context: PlatformAlertLog.context($0.kind))
      })
  }

  private static func reseal(
    _ transaction: Transaction, _ rows: PlatformRows, _ sealer: Sealer
  ) throws -> Int {
    let old = try old(rows, sealer)
    for app in old.apps {
      // The same secrets under the same version: routers need not hear of it.
      try rows.put(
        try sealer.seal(try sealer.open(app)) {
          transaction.randomBytes(AuthenticatedCipher.nonceBytes)
        })
    }
    for var factor in old.factors {
      let context = OperatorFactor.context(of: factor.operatorID)
      factor.secret = try sealer.seal(
        try sealer.open(factor.secret, context: context), context: context,
        nonce: transaction.randomBytes(AuthenticatedCipher.nonceBytes))
      try rows.put(factor)
    }
    for var channel in old.channels {
      let context = PlatformAlertLog.context(channel.kind)
      channel.sealedTarget = try sealer.seal(
        try sealer.open(channel.sealedTarget, context: context), context: context,
        nonce: transaction.randomBytes(AuthenticatedCipher.nonceBytes))
      try rows.put(channel)
    }
    return old.apps.count + old.factors.count + old.channels.count
  }
}
