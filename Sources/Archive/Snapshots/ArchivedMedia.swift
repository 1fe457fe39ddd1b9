import Platform
import Storage
import Wire

/// A tenant's media in the archive, each under the hash of its content.
///
/// What is larger than one object of the archive may be stands in several: `media/HASH` is the
/// beginning, `media/HASH.1` and so on go on from there. The beginning is stored last, so that
/// whatever a listing names is there as a whole.
struct ArchivedMedia: Sendable {
  private let archive: Archive
  private let tenant: TenantID
  /// Content of one object.
  private let partBytes: Int

  init(_ archive: Archive, of tenant: TenantID, partBytes: Int = ObjectSealer.contentBytes) {
    self.archive = archive
    self.tenant = tenant
    self.partBytes = partBytes
  }

  /// What of the tenant is there.
  func hashes() async throws(ArchiveError) -> Set<SHA256Hash> {
    let prefix = ArchiveNames.media(tenant)
    return Set(
      try await archive.objects.list(prefix).compactMap {
        SHA256Hash(hexadecimal: String($0.name.dropFirst(prefix.count)))
      })
  }

  /// Stores content under its hash; `rank` as in ``Archive/put(_:_:_:)``.
  ///
  /// Throws `damaged` where it has another hash.
  func put(
    _ hash: SHA256Hash, _ content: [UInt8], _ rank: Blocking.Rank
  ) async throws(ArchiveError) {
    guard SHA256Hash.of(content) == hash else {
      throw .damaged(name: name(hash, 0), detail: "the tenant's file is not what its name says")
    }
    for number in stride(from: max(content.count - 1, 0) / partBytes, through: 0, by: -1) {
      let start = number * partBytes
      let part = Array(content[start..<min(start + partBytes, content.count)])
      try await archive.put(name(hash, number), part, rank)
    }
  }

  /// The content of a hash that must be there: its hash says which part is the last.
  func content(of hash: SHA256Hash) async throws(ArchiveError) -> [UInt8] {
    var content = try await archive.require(name(hash, 0))
    var number = 0
    while SHA256Hash.of(content) != hash {
      number += 1
      guard let more = try await archive.get(name(hash, number)), !more.isEmpty,
        content.count + more.count <= MediaStore.maximumBytes
      else { throw .damaged(name: name(hash, 0), detail: "it is not what its name says") }
      content += more
    }
    return content
  }

  private func name(_ hash: SHA256Hash, _ part: Int) -> String {
    ArchiveNames.media(tenant, hash) + (part == 0 ? "" : ".\(part)")
  }
}
