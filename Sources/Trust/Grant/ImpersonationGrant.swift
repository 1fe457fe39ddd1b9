import Cryptography
import Wire

/// An operator's permission to act in a tenant's name for a while: signed by the control plane,
/// used once, in the one cell that it names.
///
/// As text: `aig_` and the hexadecimal of payload and signature.
public struct ImpersonationGrant: Hashable, Sendable {
  /// The longest time of a session.
  public static let maximumMinutes: Int64 = 60
  /// How long a grant may wait to be used.
  public static let redeemSeconds: Int64 = 300
  /// How far the clocks of cell and control plane may differ.
  public static let skewSeconds: Int64 = 300
  public static let reasonBytes = 8...500
  private static let prefix = "aig_"
  private static let domain = "aimstors-impersonation-grant/1\n"

  public let id: String
  public let operatorID: String
  public let tenant: TenantID
  /// Where it can be used: the tenant's owner when it was made.
  public let cell: CellID
  public let reason: String
  public let issuedAt: Timestamp
  /// When the session that it opens ends.
  public let expiresAt: Timestamp

  public init(
    id: String, operatorID: String, tenant: TenantID, cell: CellID, reason: String,
    issuedAt: Timestamp, expiresAt: Timestamp
  ) {
    self.id = id
    self.operatorID = operatorID
    self.tenant = tenant
    self.cell = cell
    self.reason = reason
    self.issuedAt = issuedAt
    self.expiresAt = expiresAt
  }

  /// Why a grant is not taken; told apart in the audit log, alike to the caller.
  public enum Refusal: String, Error, Hashable, Sendable {
    case malformed, wrongSignature, otherTenant, otherCell, expired, notYetValid, tooLong
  }

  public func text(signedBy key: SigningKey) -> String {
    let payload = self.payload
    return Self.prefix + (payload + key.sign(Array(Self.domain.utf8) + payload)).hexText
  }

  /// Reads a grant that `tenant` was handed in `cell`.
  public static func read(
    _ text: String, key: VerifyingKey, tenant: TenantID, cell: CellID, now: Timestamp
  ) throws(Refusal) -> ImpersonationGrant {
    guard text.hasPrefix(prefix), text.utf8.count <= 8_192,
      let bytes = [UInt8](hexText: String(text.dropFirst(prefix.count))),
      bytes.count > SigningKey.signatureBytes
    else { throw .malformed }
    let payload = Array(bytes.dropLast(SigningKey.signatureBytes))
    guard
      key.isValid(
        Array(bytes.suffix(SigningKey.signatureBytes)), of: Array(domain.utf8) + payload)
    else { throw .wrongSignature }
    guard let grant = ImpersonationGrant(payload: payload) else { throw .malformed }
    guard grant.tenant == tenant else { throw .otherTenant }
    guard grant.cell == cell else { throw .otherCell }
    let skew = skewSeconds * 1_000
    guard grant.issuedAt.milliseconds <= now.milliseconds + skew else { throw .notYetValid }
    guard now.milliseconds <= grant.issuedAt.milliseconds + redeemSeconds * 1_000 + skew,
      now < grant.expiresAt
    else { throw .expired }
    guard
      grant.expiresAt.milliseconds - grant.issuedAt.milliseconds <= maximumMinutes * 60_000
    else { throw .tooLong }
    return grant
  }

  private var payload: [UInt8] {
    let lines = [
      id, operatorID, tenant.rawValue, cell.rawValue, String(issuedAt.milliseconds),
      String(expiresAt.milliseconds), reason,
    ]
    return Array(lines.joined(separator: "\n").utf8)
  }

  private init?(payload: [UInt8]) {
    guard let text = String(validating: payload, as: UTF8.self) else { return nil }
    // The reason is last and may hold line breaks.
    let lines = text.split(separator: "\n", maxSplits: 6, omittingEmptySubsequences: false)
    guard lines.count == 7, let tenant = TenantID(String(lines[2])),
      let cell = CellID(String(lines[3])), let issued = Int64(lines[4]),
      let expires = Int64(lines[5]), !lines[0].isEmpty, !lines[1].isEmpty
    else { return nil }
    self.init(
      id: String(lines[0]), operatorID: String(lines[1]), tenant: tenant, cell: cell,
      reason: String(lines[6]), issuedAt: Timestamp(milliseconds: issued),
      expiresAt: Timestamp(milliseconds: expires))
  }
}
