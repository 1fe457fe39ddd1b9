import Alerts
import Storage
import Wire

extension TenantID {
  /// The pseudo-tenant that holds the control plane's own store.
  public static let platformStore = TenantID(trusted: "_platform")
}

/// The control plane's store: commands and queries over its one file.
struct PlatformStore: Sendable {
  let tenants: any TenantStore

  /// Runs one command; answers once it is durable.
  func write<T: Sendable>(
    trace: String, _ body: @escaping @Sendable (Transaction, PlatformRows) throws -> T
  ) async throws(Failure) -> T {
    try await tenants.write(.platformStore, CommandOrigin(requestID: "", traceID: trace)) {
      try body($0, PlatformRows(connection: $0.file(.platform)))
    }
  }

  /// The same under an idempotency key.
  func perform(
    _ claim: IdempotencyClaim, trace: String,
    _ body: @escaping @Sendable (Transaction, PlatformRows) throws -> StoredAnswer
  ) async throws(Failure) -> StoredAnswer {
    try await tenants.perform(
      .platformStore, CommandOrigin(requestID: claim.key, traceID: trace), claim
    ) {
      try body($0, PlatformRows(connection: $0.file(.platform)))
    }
  }

  func read<T: Sendable>(
    _ body: @escaping @Sendable (PlatformRows) throws -> T
  ) async throws(Failure) -> T {
    try await tenants.read(.platformStore, [.platform]) {
      try body(PlatformRows(connection: $0.file(.platform)))
    }
  }
}

/// The rows of the platform's file; each context adds its own in its `…Store.swift`.
struct PlatformRows {
  let connection: Connection

  var alertChannels: AlertChannelsStore { AlertChannelsStore(connection) }
}
