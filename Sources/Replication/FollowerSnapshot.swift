import Archive
import Platform
import Storage
import Wire

/// Stores a tenant's files as this follower has, or had, them in the archive: for a restore that
/// does not trust, or does not find, what the primary stored.
struct FollowerSnapshot: Sendable {
  let archive: Archive
  let engine: StorageEngine
  let configuration: FollowerConfiguration
  let schema: @Sendable (TenantID) -> StoreSchema
  let files: any FileSystem
  let clock: any WallClock
  let random: any RandomSource

  /// Copies, stores, and answers the snapshot's name.
  ///
  /// Throws `recovering` for a tenant whose records come faster than they are applied here, and
  /// `restorePointMissing` for a point that this journal does not reach back to.
  func take(
    _ tenant: TenantID, at target: RestoreTarget, _ generation: Generation
  ) async throws(Failure) -> String {
    let directory =
      StorageEngine.restoresDirectory(configuration.dataDirectory)
      + "/snapshot-\(String(random.uint64(), radix: 16))"
    let result: Result<String, any Error>
    do {
      let made = try await make(tenant, at: target, in: directory)
      try await untilArchived(made.head.cellSeq, generation)
      let subject = SnapshotWriter.Subject(
        tenant: tenant, cell: configuration.cell, generation: generation, head: made.head,
        takenAt: Timestamp(milliseconds: clock.milliseconds()), files: made.files,
        media: made.media)
      let manifest = try await SnapshotWriter(archive: archive, files: files, random: random)
        .store(subject, from: directory, media: made.mediaDirectory)
      result = .success(manifest.name)
    } catch {
      result = .failure(error)
    }
    let files = files
    _ = await Blocking.run("snapshot") { try FileTree.remove(directory, files) }
    do { return try result.get() } catch let failure as Failure { throw failure } catch {
      if case ArchiveError.incomplete(let detail) = error {
        throw Failure(.restorePointMissing, detail)
      }
      if error is RebuildError { throw Failure(.verificationFailed, "\(error)") }
      throw Failure(.archiveUnavailable, "the snapshot is not stored: \(error)")
    }
  }

  /// Waits until the journal is archived up to a snapshot, which shows from then on that it was:
  /// where it ends earlier one day, objects were lost (decision 0071).
  ///
  /// For a bounded time: where nothing is archived, a snapshot is what saves a tenant's records.
  private func untilArchived(_ position: CellSeq, _ generation: Generation) async throws {
    let cell = configuration.cell
    // Of a generation that has claimed nothing a snapshot shows nothing.
    guard try await archive.claims(cell).contains(where: { $0.generation == generation }) else {
      return
    }
    let patience = ContinuousClock.now + FollowerLimits.archivePatience
    while ContinuousClock.now < patience {
      let spans = try await archive.journal(cell, from: position).spans
      if let last = spans.last, last.last >= position { return }
      try await Task.sleep(for: FollowerLimits.archivePause)
    }
  }

  /// Files that lie in a directory, and where the tenant's history stands in them.
  private struct Made {
    let head: TenantHead
    let files: [TenantSnapshot.File]
    let media: [SHA256Hash]
    let mediaDirectory: String
  }

  private func make(
    _ tenant: TenantID, at target: RestoreTarget, in directory: String
  ) async throws -> Made {
    guard target != .latest else {
      let (head, snapshot) = try await copy(tenant, into: directory)
      return Made(
        head: head, files: snapshot.files, media: snapshot.media,
        mediaDirectory: "\(TenantDirectory.of(tenant, in: configuration.dataDirectory))/media")
    }
    guard engine.heads[tenant] != nil, let journal = engine.journal else {
      throw Failure(.notFound, "no such tenant at this follower")
    }
    let (restored, head) = try await JournalRestorer(
      archive: archive, files: files, journal: journal, cell: configuration.cell
    ).restore(tenant, schema: schema(tenant), to: target, into: directory)
    return Made(
      head: head, files: restored.files, media: restored.media,
      mediaDirectory: "\(directory)/media")
  }

  /// A copy that holds exactly the tenant's records up to a head: none came while it was made.
  private func copy(_ tenant: TenantID, into directory: String) async throws -> (
    TenantHead, TenantSnapshot
  ) {
    let patience = ContinuousClock.now + FollowerLimits.snapshotPatience
    while ContinuousClock.now < patience {
      guard let head = engine.heads[tenant] else {
        throw Failure(.notFound, "no such tenant at this follower")
      }
      // Not before: files are made by what is applied.
      if (engine.applied?.seq ?? CellSeq(0)) >= head.cellSeq {
        let found: Result<TenantSnapshot, Failure>
        do throws(Failure) {
          found = .success(try await engine.snapshot(tenant, into: directory))
        } catch {
          found = .failure(error)
        }
        // Otherwise a record came meanwhile, and what it makes may not be whole yet.
        if engine.heads[tenant] == head { return (head, try found.get()) }
      }
      try await Task.sleep(for: FollowerLimits.snapshotPause)
    }
    throw Failure(
      .recovering, "the tenant is written faster than it is applied here; try again",
      retryAfterMilliseconds: 1_000)
  }
}
