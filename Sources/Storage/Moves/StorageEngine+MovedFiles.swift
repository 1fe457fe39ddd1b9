import Platform
import Wire

/// The files of a tenant that moves: their digests, and that they are open before somebody waits.
extension StorageEngine {
  /// Opens a tenant's files.
  ///
  /// To open one reads and parses its schema, some milliseconds each: before the fence, so that
  /// ``fence(_:within:)`` and ``readyForMove(_:under:_:)`` find them open. What does not open says
  /// so there.
  public func openFiles(of tenant: TenantID) async {
    guard let writer = try? writer(tenant), writer.problem == nil else { return }
    _ = await Blocking.run("opening") { [self] in
      // Again with each use; what was opened counts from here on.
      defer { writer.context.openTenants.used(writer) }
      for file in writer.schema.files.values {
        // One at a time: a command of the tenant's waits for no more.
        _ = try runningTenants.during(tenant) {
          try writer.withCore { core in
            // Refused, stopped or replaced meanwhile: its files may be on their way out.
            guard writer.problem == nil, try self.writer(tenant) === writer else { return false }
            return try made(file, core) != nil
          }
        }
      }
    }
  }

  /// The digests that a tenant's files keep, by file name; of those that have been made.
  func keptDigests(of writer: TenantWriter) throws -> [String: Digest] {
    try runningTenants.during(writer.tenant) {
      try writer.withCore { core in
        var digests: [String: Digest] = [:]
        for file in core.schema.files.values {
          if let found = try made(file, core) { digests[file.name] = found.digest }
        }
        return digests
      }
    }
  }

  private func made(_ file: FileSchema, _ core: TenantCore) throws -> TenantFile? {
    let path = "\(core.context.directory(core.tenant))/\(file.name)"
    return try files.exists(path) ? try core.open(file.kind) : nil
  }
}
