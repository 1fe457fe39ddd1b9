import Wire

extension StorageEngine {
  public func read<T: Sendable>(
    _ tenant: TenantID, _ files: Set<FileKind>,
    _ body: @escaping @Sendable (Snapshot) throws -> T
  ) async throws(Failure) -> T {
    let writer = try writer(tenant)
    if writer.isAway { throw TenantWriter.isAway }
    if let problem = writer.problem, !problem.allowsReads { throw TenantWriter.refusal(problem) }
    let context = writer.context
    guard
      context.readsInFlight.wrappingAdd(1, ordering: .relaxed).oldValue
        < configuration.readsInFlight
    else {
      context.readsInFlight.wrappingSubtract(1, ordering: .relaxed)
      context.metrics.shed(.reads)
      throw Failure(.overloaded, "too many reads wait", retryAfterMilliseconds: 500)
    }
    defer { context.readsInFlight.wrappingSubtract(1, ordering: .relaxed) }
    if !writer.readers.areReady(files) { try await makeReady(tenant, files, writer) }
    let result = await withUnsafeContinuation {
      (caller: UnsafeContinuation<Result<T, Failure>, Never>) in
      context.readers.push(
        .task { isOver in
          caller.resume(
            returning: isOver
              ? .failure(Failure(.shuttingDown, "this cell is shutting down"))
              : Self.perform(files, writer, context, body))
        })
    }
    return try result.get()
  }

  /// The writer makes missing files and schema steps; a reader only reads.
  private func makeReady(
    _ tenant: TenantID, _ files: Set<FileKind>, _ writer: TenantWriter
  ) async throws(Failure) {
    if configuration.isFollowing {
      if let failure = writer.unmade(files) { throw failure }
      return writer.readers.setReady(files)
    }
    // A writer that waits for its followers, or is held, may wait long: what is open may be read
    // meanwhile.
    if writer.waitsForDurability || writer.isAtRest, try writer.openForReading(files) {
      return writer.readers.setReady(files)
    }
    try await submit(tenant, CommandOrigin(requestID: "read", traceID: "")) { transaction, core in
      for kind in files { _ = try transaction.file(kind) }
      writer.readers.setReady(files)
    }
  }

  private static func perform<T: Sendable>(
    _ files: Set<FileKind>, _ writer: TenantWriter, _ context: EngineContext,
    _ body: @Sendable (Snapshot) throws -> T
  ) -> Result<T, Failure> {
    let now = max(context.now, context.heads[writer.tenant]?.time ?? .zero)
    context.openTenants.used(writer)
    context.running?.enter(writer.tenant)
    defer { context.running?.leave() }
    do {
      return .success(try writer.readers.read(files, now: now, writer: writer, body))
    } catch let failure as Failure {
      return .failure(failure)
    } catch  where writer.isAway {
      // Its files went while the read waited for a thread.
      return .failure(TenantWriter.isAway)
    } catch {
      context.log.error(
        "a read failed", metadata: ["tenant": "\(writer.tenant)", "error": "\(error)"])
      return .failure(Failure(.internalError, "the read failed"))
    }
  }
}
