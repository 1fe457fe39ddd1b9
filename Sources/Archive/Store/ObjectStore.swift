/// Where an archive's objects are kept: names and bytes, nothing else.
///
/// Two implementations: ``DirectoryStore`` and ``S3Store``. An object is never changed. Errors are
/// ``ArchiveError``; those that may pass are retried by the implementation for a bounded time.
public protocol ObjectStore: Sendable {
  /// Stores an object under a name that is free; throws ``ArchiveError/conflict(name:)`` where
  /// something else stands there, and succeeds where the same bytes do.
  func put(_ name: String, _ bytes: [UInt8]) async throws(ArchiveError)

  /// Nil where there is no such object.
  func get(_ name: String) async throws(ArchiveError) -> [UInt8]?

  /// Every object whose name begins with `prefix`, by name; with `after`, those with later names.
  func list(_ prefix: String, after: String?) async throws(ArchiveError) -> [StoredObject]

  /// Removes an object; no error where there is none.
  func remove(_ name: String) async throws(ArchiveError)
}

extension ObjectStore {
  public func list(_ prefix: String) async throws(ArchiveError) -> [StoredObject] {
    try await list(prefix, after: nil)
  }
}

/// An object as a listing shows it.
public struct StoredObject: Hashable, Sendable {
  public let name: String
  public let bytes: UInt64

  public init(name: String, bytes: UInt64) {
    self.name = name
    self.bytes = bytes
  }
}
