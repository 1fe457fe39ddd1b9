import Platform
import Synchronization
import Wire

/// Files of tenants on their way into this process, as their parts come in order.
///
/// A cell has one for what moves into it, and each of its followers for what it passes on.
public final class ImportParts: Sendable {
  private typealias Ending = Task<Result<Void, Failure>, Never>
  private struct Coming {
    let epoch: Epoch
    /// What ends the copy, once it has begun.
    var ending: Ending?
    /// What was written of the file that came last.
    var file = ""
    var length: UInt64 = 0
    var heardAt: UInt64
  }

  /// How often a move counts as heard while the end of its copy takes its time.
  private static let beat = Duration.seconds(5)
  private let engine: StorageEngine
  private let state = Mutex<[TenantID: Coming]>([:])

  public init(_ engine: StorageEngine) { self.engine = engine }

  /// Files of this move are expected from now on, into a directory that is empty.
  public func begin(_ tenant: TenantID, _ epoch: Epoch) {
    let now = MonotonicTime.nanoseconds()
    state.withLock { $0[tenant] = Coming(epoch: epoch, heardAt: now) }
  }

  /// Writes one part.
  ///
  /// Throws `conflict` where it is not the next one, `notFound` where nobody expects it,
  /// `invalidField` for a name that no file of a tenant's has, `diskFull`.
  public func take(_ message: Aimstors_ProtoMoveFile) async throws(Failure) {
    let tenant = try TenantID(moving: message.tenant)
    let epoch = Epoch(message.epoch)
    let path = try self.path(of: message.name, tenant, epoch)
    let expected = try hear(tenant, epoch) { coming -> UInt64 in
      if coming.file != message.name {
        coming.file = message.name
        coming.length = 0
      }
      return coming.length
    }
    guard expected == message.offset else {
      throw Failure(.conflict, "\(message.name) goes on at byte \(expected)")
    }
    let (files, content) = (engine.files, Array(message.content))
    let isObject = message.name.hasPrefix("media/")
    let directory = engine.importDirectory(tenant, under: epoch)
    do {
      try await Blocking.run("import", as: .background) {
        // It was made when the move began: where it is gone, so is the move.
        guard try files.exists(directory) else {
          throw Failure(.notFound, "this tenant is not on its way here under this epoch")
        }
        if isObject, let slash = path.lastIndex(of: "/") {
          try files.createDirectory(String(path[..<slash]))
        }
        let file = try files.open(path, expected == 0 ? .create : .update)
        defer { file.close() }
        try file.write(content, at: expected)
        // A tenant's own files are synced when they are settled, once.
        if isObject { try file.synchronize() }
      }.get()
    } catch let failure as Failure { throw failure } catch {
      throw Failure(.diskFull, "the tenant's files could not be written: \(error)")
    }
    try hear(tenant, epoch) { coming -> Void in
      coming.length = expected + UInt64(content.count)
    }
  }

  /// Runs what ends a copy, once for each copy: whoever asks again waits for the same end.
  ///
  /// However long it takes, the move counts as heard meanwhile: who waits for it says nothing.
  /// Throws what `body` throws, and `notFound` where nobody expects this move.
  public func conclude(
    _ tenant: TenantID, _ epoch: Epoch,
    _ body: @escaping @Sendable () async throws(Failure) -> Void
  ) async throws(Failure) {
    let ending = try hear(tenant, epoch) { coming -> Ending in
      let ending = coming.ending ?? Task { await self.end(tenant, epoch, body) }
      coming.ending = ending
      return ending
    }
    try await ending.value.get()
    try hear(tenant, epoch)
  }

  private func end(
    _ tenant: TenantID, _ epoch: Epoch, _ body: @Sendable () async throws(Failure) -> Void
  ) async -> Result<Void, Failure> {
    let beats = Task {
      while !Task.isCancelled {
        try? self.hear(tenant, epoch)
        try? await Task.sleep(for: Self.beat)
      }
    }
    defer { beats.cancel() }
    do throws(Failure) {
      try await body()
      return .success(())
    } catch { return .failure(error) }
  }

  /// Only names that a tenant's own files could have: a name is no path.
  private func path(
    of name: String, _ tenant: TenantID, _ epoch: Epoch
  ) throws(Failure) -> String {
    let isFile = engine.fileNames(of: tenant).contains(name)
    let object = name.hasPrefix("media/") ? SHA256Hash(hexadecimal: String(name.dropFirst(6))) : nil
    guard isFile || object != nil else {
      throw Failure(.invalidField, "name: not a file of a tenant's")
    }
    return "\(engine.importDirectory(tenant, under: epoch))/\(name)"
  }

  /// Something of this move was heard; throws `notFound` where nobody expects it.
  public func hear(_ tenant: TenantID, _ epoch: Epoch) throws(Failure) {
    try hear(tenant, epoch) { _ -> Void in }
  }

  private func hear<T: Sendable>(
    _ tenant: TenantID, _ epoch: Epoch, _ body: (inout Coming) -> T
  ) throws(Failure) -> T {
    let now = MonotonicTime.nanoseconds()
    let found = state.withLock { state -> T? in
      guard var coming = state[tenant], coming.epoch == epoch else { return nil }
      coming.heardAt = now
      defer { state[tenant] = coming }
      return body(&coming)
    }
    guard let found else {
      throw Failure(.notFound, "this tenant is not on its way here under this epoch")
    }
    return found
  }

  /// For how many nanoseconds nothing was heard of the tenant's move; nil where none is expected.
  public func silence(of tenant: TenantID) -> UInt64? {
    let now = MonotonicTime.nanoseconds()
    return state.withLock { $0[tenant].map { now - min(now, $0.heardAt) } }
  }

  /// Moves of which nothing was heard for so long.
  public func silent(for limit: Duration) -> [(tenant: TenantID, epoch: Epoch)] {
    let (now, limit) = (MonotonicTime.nanoseconds(), UInt64(limit / .nanoseconds(1)))
    return state.withLock { state in
      state.filter { now - min(now, $0.value.heardAt) >= limit }.map { ($0.key, $0.value.epoch) }
    }
  }

  public func forget(_ tenant: TenantID) {
    state.withLock { _ = $0.removeValue(forKey: tenant) }
  }
}

extension TenantID {
  /// The tenant that a move's message names; a store that is the cell's own does not move.
  ///
  /// Throws `invalidIdentifier`.
  public init(moving text: String) throws(Failure) {
    guard let tenant = TenantID(text), !text.hasPrefix("_") else {
      throw Failure(.invalidIdentifier, "not a tenant id")
    }
    self = tenant
  }
}
