import Archive
import Platform

/// The file that holds a deployment's archive key: all that is needed, beside the objects, to read
/// the archive on another machine.
///
/// Lines `aimstors archive key 1`, `deployment …`, then `key …` and `check …` of each key, the
/// newest first; the check is the key's id, so that a copy by hand shows its mistakes. With more
/// than one key the first line ends in 2: whoever knows one key only must not use the last of them.
enum ArchiveKeyFile {
  private static func head(_ keys: Int) -> String {
    "aimstors archive key \(keys == 1 ? 1 : 2)"
  }

  /// Nil where there is no file; throws `archive_key_malformed`.
  static func read(_ path: String) throws(CommandFailure) -> ArchiveKeys? {
    guard let content = try PrivateFile.read(path) else { return nil }
    do throws(ArchiveError) {
      return try parse(String(decoding: content, as: UTF8.self))
    } catch {
      throw malformed(path, error.description)
    }
  }

  static func parse(_ text: String) throws(ArchiveError) -> ArchiveKeys {
    var lines = text.split(whereSeparator: \.isNewline).map(String.init)[...]
    guard let first = lines.popFirst(), let second = lines.popFirst(),
      let deployment = value("deployment", second)
    else { throw .key("it is not an archive key") }
    var keys: [ArchiveKey] = []
    while let line = lines.popFirst() {
      guard let secret = value("key", line).flatMap(ArchiveHex.decode),
        let check = lines.popFirst().flatMap({ value("check", $0) })
      else { throw .key("it is not an archive key") }
      let key = try ArchiveKey(secret, deployment: deployment)
      guard key.id == check else { throw .key("its check says \(check), the key is \(key.id)") }
      keys.append(key)
    }
    guard first == head(keys.count) else { throw .key("it is not an archive key") }
    return try ArchiveKeys(keys)
  }

  private static func value(_ name: String, _ line: String) -> String? {
    let words = line.split(separator: " ")
    return words.count == 2 && words[0] == name ? String(words[1]) : nil
  }

  static func text(_ keys: ArchiveKeys) -> String {
    keys.all.reduce("\(head(keys.all.count))\ndeployment \(keys.deployment)\n") {
      $0 + "key \($1.digits)\ncheck \($1.id)\n"
    }
  }

  static func require(_ path: String) throws(CommandFailure) -> ArchiveKeys {
    guard let keys = try read(path) else {
      throw CommandFailure(
        .refused, code: "archive_key_missing",
        detail: "there is no \(path); see docs/runbooks/archive-key-wrong.md")
    }
    return keys
  }

  /// Makes the file with a fresh key, for a fresh deployment.
  static func make(_ path: String, random: any RandomSource) throws(CommandFailure) {
    try write(ArchiveKeys.fresh(random: random), to: path)
  }

  /// Puts a fresh key on top, which seals from now on; answers what the file holds then.
  static func rotate(
    _ path: String, random: any RandomSource
  ) throws(CommandFailure) -> ArchiveKeys {
    let keys = try require(path)
    let rotated: ArchiveKeys
    do throws(ArchiveError) { rotated = try keys.rotated(random: random) } catch {
      throw CommandFailure(.refused, code: "too_many_keys", detail: error.description)
    }
    try write(rotated, to: path)
    return rotated
  }

  /// The key, then a note that it was made: what is lost must not be made again.
  private static func write(_ keys: ArchiveKeys, to path: String) throws(CommandFailure) {
    try PrivateFile.write(Array(text(keys).utf8), to: path)
    guard try read(path) == keys else {
      throw CommandFailure(
        .verificationFailed, code: "key_file_differs", detail: "\(path) is not what was written")
    }
    try PrivateFile.write(Array("\(keys.newest.id)\n".utf8), to: path + "-id")
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

/// Which key a data directory was archived under last: a start without it refuses.
///
/// Without the record a lost key would be noticed when it is needed.
enum ArchiveKeyRecord {
  private static let name = "archive.key-id"

  /// Throws `archive_key_wrong` or `archive_key_missing`; records the key at the first start.
  static func check(_ keys: ArchiveKeys?, dataDirectory: String) throws(CommandFailure) {
    let path = "\(dataDirectory)/\(name)"
    let recorded = try PrivateFile.read(path).map { content in
      String(decoding: content, as: UTF8.self).split(whereSeparator: \.isWhitespace)
        .map(String.init)
    }
    guard let keys else {
      guard recorded == nil else {
        throw CommandFailure(
          .refused, code: "archive_key_missing",
          detail: "\(dataDirectory) is archived, and no archive is configured; to give it up, "
            + "remove \(path)")
      }
      return
    }
    let known = keys.all.map { [keys.deployment, $0.id] }
    guard let recorded = recorded ?? known.first, known.contains(recorded) else {
      throw CommandFailure(
        .refused, code: "archive_key_wrong",
        detail: "\(dataDirectory) is archived under key \(recorded?.last ?? "?") of deployment "
          + "\(recorded?.first ?? "?"), and this is \(keys.newest.id) of \(keys.deployment)")
    }
    // From here on a file of before the rotation is the wrong one: it opens nothing that is sealed.
    let newest = "\(keys.deployment) \(keys.newest.id)\n"
    guard try PrivateFile.read(path) != Array(newest.utf8) else { return }
    try PrivateFile.write(Array(newest.utf8), to: path)
  }
}
