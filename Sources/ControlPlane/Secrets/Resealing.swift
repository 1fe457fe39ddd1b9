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
        let (count, unopened) = try await store.write(trace: trace) { transaction, rows in
          try Self.reseal(transaction, rows, sealer)
        }
        logger.notice(
          "the platform's secrets are sealed with the newest key",
          metadata: ["resealed": "\(count)"])
        if !unopened.isEmpty {
          logger.error(
            "secrets of the platform open with no key and must be set again",
            metadata: ["secrets": "\(unopened.joined(separator: ", "))"])
        }
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
      channels: try rows.alertChannels.list().filter {
        !sealer.isCurrent($0.sealedTarget, context: PlatformAlertLog.context($0.kind))
      })
  }

  /// What does not open with any key stays as it is, and is named: the others are not held back.
  private static func reseal(
    _ transaction: Transaction, _ rows: PlatformRows, _ sealer: Sealer
  ) throws -> (resealed: Int, unopened: [String]) {
    let old = try old(rows, sealer)
    var result = (resealed: 0, unopened: [String]())
    func nonce() -> [UInt8] { transaction.randomBytes(AuthenticatedCipher.nonceBytes) }
    func each(_ name: String, _ body: () throws -> Void) throws {
      do {
        try body()
        result.resealed += 1
      } catch is Sealer.SealingError {
        result.unopened.append(name)
      }
    }
    for app in old.apps {
      // The same secrets under the same version: routers need not hear of it.
      try each("Meta app \(app.id)") {
        try rows.put(try sealer.seal(try sealer.open(app), nonce: nonce))
      }
    }
    for var factor in old.factors {
      let context = OperatorFactor.context(of: factor.operatorID)
      try each("second factor of \(factor.operatorID)") {
        factor.secret = try sealer.sealedAnew(factor.secret, context: context, nonce: nonce())
        try rows.put(factor)
      }
    }
    for var channel in old.channels {
      let context = PlatformAlertLog.context(channel.kind)
      try each("alert channel \(channel.kind.rawValue)") {
        channel.sealedTarget = try sealer.sealedAnew(
          channel.sealedTarget, context: context, nonce: nonce())
        try rows.alertChannels.put(channel)
      }
    }
    return result
  }
}

extension Sealer {
  fileprivate func sealedAnew(
    _ sealed: [UInt8], context: String, nonce: [UInt8]
  ) throws(SealingError) -> [UInt8] {
    try seal(try open(sealed, context: context), context: context, nonce: nonce)
  }
}
