/// Every refusal of the platform, with its stable code and its HTTP status: the one table.
///
/// Cases are added, never renamed or reused; a code that a newer peer sent decodes to
/// ``unrecognized(_:)``.
public enum FailureCode: Hashable, Sendable {
  // 400
  case invalidRequest, invalidJSON, invalidField, invalidIdentifier, invalidCursor
  case unknownMarket, amountOutOfRange, currencyMismatch
  // 401, 402, 403
  case unauthenticated, signatureMissing, secondFactorRequired
  case insufficientFunds
  case forbidden, signatureWrong, addressNotAllowed, verifyTokenWrong, impersonationForbidden
  // 404, 405, 408, 409
  case notFound, unknownRoute, methodNotAllowed, requestTimeout
  case conflict, idempotencyConflict, numberClaimed, slugTaken, priceMissing, invalidState
  case tenantExists, alreadyDone, epochStale, generationFenced, emailTaken, lastOwner
  case restoreNotAccepted, restorePointMissing
  case formatCeiling, upgradeHalted, followerMissing
  // 413, 415, 421, 422, 429, 431
  case bodyTooLarge, unsupportedMediaType, unknownHost, graphRefused
  case rateLimited, mailboxFull, idempotencyTableFull, headersTooLarge
  // 423: the tenant's state forbids it
  case tenantSuspended, tenantReadOnly, sendsStopped
  // 500, 502, 503, 504
  case internalError, graphUnavailable, verificationFailed
  case overloaded, recovering, tenantStopped, outcomeUnknown, cellUnavailable, cellFull
  case archiveUnavailable, controlPlaneUnavailable, notStored, diskFull, shuttingDown
  case deadlineExceeded
  /// The tenant is elsewhere; carries cell and epoch in its own message, never shown to a client.
  case moved
  case versionMismatch
  case unrecognized(String)
}

extension FailureCode {
  private static let table: [(FailureCode, String, Int)] = [
    (.invalidRequest, "invalid_request", 400),
    (.invalidJSON, "invalid_json", 400),
    (.invalidField, "invalid_field", 400),
    (.invalidIdentifier, "invalid_identifier", 400),
    (.invalidCursor, "invalid_cursor", 400),
    (.unknownMarket, "unknown_market", 400),
    (.amountOutOfRange, "amount_out_of_range", 400),
    (.currencyMismatch, "currency_mismatch", 400),
    (.unauthenticated, "unauthenticated", 401),
    (.signatureMissing, "signature_missing", 401),
    (.secondFactorRequired, "second_factor_required", 401),
    (.insufficientFunds, "insufficient_funds", 402),
    (.forbidden, "forbidden", 403),
    (.signatureWrong, "signature_wrong", 403),
    (.addressNotAllowed, "address_not_allowed", 403),
    (.verifyTokenWrong, "verify_token_wrong", 403),
    (.impersonationForbidden, "impersonation_forbidden", 403),
    (.notFound, "not_found", 404),
    (.unknownRoute, "unknown_route", 404),
    (.methodNotAllowed, "method_not_allowed", 405),
    (.requestTimeout, "request_timeout", 408),
    (.conflict, "conflict", 409),
    (.idempotencyConflict, "idempotency_conflict", 409),
    (.numberClaimed, "number_claimed", 409),
    (.slugTaken, "slug_taken", 409),
    (.priceMissing, "price_missing", 409),
    (.invalidState, "invalid_state", 409),
    (.tenantExists, "tenant_exists", 409),
    (.alreadyDone, "already_done", 409),
    (.epochStale, "epoch_stale", 409),
    (.generationFenced, "generation_fenced", 409),
    (.emailTaken, "email_taken", 409),
    (.lastOwner, "last_owner", 409),
    (.restoreNotAccepted, "restore_not_accepted", 409),
    (.restorePointMissing, "restore_point_missing", 409),
    (.formatCeiling, "format_ceiling", 409),
    (.upgradeHalted, "upgrade_halted", 409),
    (.followerMissing, "follower_missing", 409),
    (.bodyTooLarge, "body_too_large", 413),
    (.unsupportedMediaType, "unsupported_media_type", 415),
    (.unknownHost, "unknown_host", 421),
    (.graphRefused, "graph_refused", 422),
    (.tenantSuspended, "tenant_suspended", 423),
    (.tenantReadOnly, "tenant_read_only", 423),
    (.sendsStopped, "sends_stopped", 423),
    (.rateLimited, "rate_limited", 429),
    (.mailboxFull, "mailbox_full", 429),
    (.idempotencyTableFull, "idempotency_table_full", 429),
    (.headersTooLarge, "headers_too_large", 431),
    (.internalError, "internal_error", 500),
    (.verificationFailed, "verification_failed", 500),
    (.graphUnavailable, "graph_unavailable", 502),
    (.overloaded, "overloaded", 503),
    (.recovering, "recovering", 503),
    (.tenantStopped, "tenant_stopped", 503),
    (.outcomeUnknown, "outcome_unknown", 503),
    (.cellUnavailable, "cell_unavailable", 503),
    (.cellFull, "cell_full", 503),
    (.archiveUnavailable, "archive_unavailable", 503),
    (.controlPlaneUnavailable, "control_plane_unavailable", 503),
    (.notStored, "not_stored", 503),
    (.diskFull, "disk_full", 503),
    (.shuttingDown, "shutting_down", 503),
    (.deadlineExceeded, "deadline_exceeded", 504),
    (.moved, "moved", 503),
    (.versionMismatch, "version_mismatch", 503),
  ]
  private static let byCode = Dictionary(
    uniqueKeysWithValues: table.map { ($0.1, (code: $0.0, status: $0.2)) })
  private static let names = Dictionary(uniqueKeysWithValues: table.map { ($0.0, $0.1) })

  /// Every code of this version, in the table's order.
  public static var all: [FailureCode] { table.map(\.0) }

  public init(rawValue: String) {
    self = Self.byCode[rawValue]?.code ?? .unrecognized(rawValue)
  }

  public var rawValue: String {
    if case .unrecognized(let text) = self { return text }
    return Self.names[self] ?? "internal_error"
  }

  /// The HTTP status that a client sees; an unrecognized code is a 500.
  public var httpStatus: Int { Self.byCode[rawValue]?.status ?? 500 }
}
