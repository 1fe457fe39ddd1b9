import Platform
import Wire

extension StorageEngine {
  /// Stores bytes durably under their SHA-256.
  ///
  /// A record that names them is written after this.
  public func putMedia(_ tenant: TenantID, _ bytes: [UInt8]) async throws(Failure) -> SHA256Hash {
    guard bytes.count <= MediaStore.maximumBytes else {
      throw Failure(.bodyTooLarge, "a media object holds at most 100 MiB")
    }
    let (files, parent) = (files, TenantDirectory.all(in: configuration.directory))
    return try await withMedia(tenant) { store in
      let name = try store.put(bytes)
      // The tenant's directory may be new, and its own name not on the disk yet.
      try files.synchronizeDirectory(parent)
      return name
    }
  }

  /// The bytes under a SHA-256; nil where they are missing or damaged.
  public func media(_ tenant: TenantID, _ name: SHA256Hash) async throws(Failure) -> [UInt8]? {
    try await withMedia(tenant) { try $0.bytes(name) }
  }

  /// Runs `body` on the media thread; at most a bounded number wait for it.
  private func withMedia<T: Sendable>(
    _ tenant: TenantID, _ body: @escaping @Sendable (MediaStore) throws -> T
  ) async throws(Failure) -> T {
    let context = try writer(tenant).context
    guard
      context.mediaInFlight.wrappingAdd(1, ordering: .relaxed).oldValue
        < configuration.mediaInFlight
    else {
      context.mediaInFlight.wrappingSubtract(1, ordering: .relaxed)
      throw Failure(.overloaded, "too many media objects wait", retryAfterMilliseconds: 1_000)
    }
    defer { context.mediaInFlight.wrappingSubtract(1, ordering: .relaxed) }
    let store = MediaStore(
      directory: "\(context.directory(tenant))/media", files: files, random: random)
    let result = await withUnsafeContinuation {
      (caller: UnsafeContinuation<Result<T, any Error>, Never>) in
      context.media.push(
        .task { isOver in
          caller.resume(
            returning: Result {
              if isOver { throw Failure(.shuttingDown, "this cell is shutting down") }
              return try body(store)
            })
        })
    }
    do {
      return try result.get()
    } catch let failure as Failure {
      throw failure
    } catch let error as FileError {
      log.error("media failed", metadata: ["tenant": "\(tenant)", "error": "\(error)"])
      throw Failure(
        error.isDiskFull ? .diskFull : .internalError, "the media object was not stored")
    } catch {
      throw Failure(.internalError, "the media object was not stored")
    }
  }
}
