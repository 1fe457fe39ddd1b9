import Archive
import Platform

/// The file that holds a deployment's archive key: all that is needed, beside the objects, to read
/// the archive on another machine.
///
/// Lines `aimstors archive key 1`, `deployment …`, `key …`, `check …`; the check is the key's id,
/// so that a copy by hand shows its mistakes.
enum ArchiveKeyFile {
  private static let head = "aimstors archive key 1"

  /// Nil where there is no file; throws `archive_key_malformed`.
  static func read(_ path: String) throws(CommandFailure) -> ArchiveKey? {
    guard let content = try PrivateFile.read(path) else { return nil }
    let lines = String(decoding: content, as: UTF8.self).split(whereSeparator: \.isNewline)
    var words: [String: String] = [:]
    for line in lines.dropFirst() {
      let parts = line.split(separator: " ")
      if parts.count == 2 { words[String(parts[0])] = String(parts[1]) }
    }
    guard lines.first.map(String.init) == head, let deployment = words["deployment"],
      let secret = words["key"].flatMap(ArchiveHex.decode), let check = words["check"]
    else { throw malformed(path, "it is not an archive key") }
    do throws(ArchiveError) {
      let key = try ArchiveKey(secret, deployment: deployment)
      guard key.id == check else { throw .key("its check says \(check), the key is \(key.id)") }
      return key
    } catch {
      throw malformed(path, error.description)
    }
  }

  static func require(_ path: String) throws(CommandFailure) -> ArchiveKey {
    guard let key = try read(path) else {
      throw CommandFailure(
        .refused, code: "archive_key_missing",
        detail: "there is no \(path); see docs/runbooks/archive-key-wrong.md")
    }
    return key
  }

  /// Makes the file with a fresh key, for a fresh deployment.
  static func make(_ path: String, random: any RandomSource) throws(CommandFailure) {
    let secret = random.bytes(ArchiveKey.byteCount)
    let deployment = ArchiveHex.encode(random.bytes(16))
    let id: String
    do throws(ArchiveError) { id = try ArchiveKey(secret, deployment: deployment).id } catch {
      throw malformed(path, error.description)
    }
    let text =
      "\(head)\ndeployment \(deployment)\nkey \(ArchiveHex.encode(secret))\ncheck \(id)\n"
    try PrivateFile.write(Array(text.utf8), to: path)
    try PrivateFile.write(Array("\(id)\n".utf8), to: path + "-id")
  }

  /// Whether a key was made here once: one that is lost is not replaced by another, which would
  /// open nothing.
  static func wasMade(_ path: String) throws(CommandFailure) -> Bool {
    try PrivateFile.read(path + "-id") != nil
  }

  private static func malformed(_ path: String, _ detail: String) -> CommandFailure {
    CommandFailure(.refused, code: "archive_key_malformed", detail: "\(path): \(detail)")
  }
}

/// Which key a data directory was archived under: a start without it refuses.
///
/// Without the record a lost key would be noticed when it is needed.
enum ArchiveKeyRecord {
  private static let name = "archive.key-id"

  /// Throws `archive_key_wrong` or `archive_key_missing`; records the key at the first start.
  static func check(_ key: ArchiveKey?, dataDirectory: String) throws(CommandFailure) {
    let path = "\(dataDirectory)/\(name)"
    let recorded = try PrivateFile.read(path).map { content in
      String(decoding: content, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        .map(String.init)
    }
    guard let key else {
      guard recorded == nil else {
        throw CommandFailure(
          .refused, code: "archive_key_missing",
          detail: "\(dataDirectory) is archived, and no archive is configured; to give it up, "
            + "remove \(path)")
      }
      return
    }
    guard let recorded else {
      try PrivateFile.write(Array("\(key.deployment) \(key.id)\n".utf8), to: path)
      return
    }
    guard recorded == [key.deployment, key.id] else {
      throw CommandFailure(
        .refused, code: "archive_key_wrong",
        detail: "\(dataDirectory) is archived under key \(recorded.last ?? "?") of deployment "
          + "\(recorded.first ?? "?"), and this is \(key.id) of \(key.deployment)")
    }
  }
}
