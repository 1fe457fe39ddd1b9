import Wire

extension ArchiveService {
  /// Keeps a signed checkpoint of a tenant's audit log, in another trust domain than the tenant's.
  ///
  /// One that cannot be kept now is followed by a later one, which speaks for it too.
  public func keep(_ text: String, size: Int64, root: [UInt8], of tenant: TenantID) async {
    do throws(ArchiveError) {
      try await environment.archive.put(
        ArchiveNames.checkpoint(tenant, size: size, root: root), Array(text.utf8))
    } catch {
      environment.logger.warning(
        "a checkpoint is not archived",
        metadata: ["tenant": "\(tenant)", "code": "\(error.code)"])
    }
  }
}

extension Archive {
  /// The signed checkpoints of a tenant's audit log that are kept, the shortest log first.
  public func checkpoints(of tenant: TenantID) async throws(ArchiveError) -> [String] {
    var texts: [String] = []
    for object in try await objects.list(ArchiveNames.checkpoints(tenant)) {
      texts.append(String(decoding: try await require(object.name), as: UTF8.self))
    }
    return texts
  }
}

extension ArchiveNames {
  /// Apart from `tenants/`: no retention takes a checkpoint away.
  static func checkpoints(_ tenant: TenantID) -> String { "checkpoints/\(tenant)/" }

  /// Two histories of one size are two names.
  static func checkpoint(_ tenant: TenantID, size: Int64, root: [UInt8]) -> String {
    let mark = root.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return checkpoints(tenant) + ArchiveHex.encode(UInt64(clamping: size)) + "-"
      + ArchiveHex.encode(mark)
  }
}
