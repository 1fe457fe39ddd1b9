import Archive
import GraphSimulator
import Logging
import Platform

/// Where a deployment's archive is kept, as files name it.
enum ArchiveSettings: Hashable {
  case directory(String)
  case s3(S3)

  struct S3: Hashable {
    let endpoint: String
    let bucket: String
    let region: String
    let style: S3Configuration.Style
    let prefix: String
    /// Holds `access_key` and `secret_key`, each a line.
    let credentialsFile: String
  }

  /// Reads `archive: {directory: PATH}` or `archive: {s3: {…}}`.
  init(_ node: ConfigurationNode) throws(ConfigurationError) {
    try node.allow(["directory", "s3", "key_file"])
    guard let s3 = try node.child("s3") else {
      self = .directory(try node.string("directory"))
      return
    }
    guard !node.contains("directory") else {
      throw node.error(.duplicate, "directory", "and s3 exclude each other")
    }
    try s3.allow(["endpoint", "bucket", "region", "style", "prefix", "credentials_file"])
    let style = try s3.string("style", default: S3Configuration.Style.path.rawValue)
    guard let style = S3Configuration.Style(rawValue: style) else {
      throw s3.error(.outOfRange, "style", "must be path or virtual_host")
    }
    let endpoint = try s3.string("endpoint")
    guard S3Configuration.endpoint(endpoint) != nil else {
      throw s3.error(.wrongType, "endpoint", "must be http:// or https:// and a host")
    }
    let prefix = try s3.string("prefix", default: "")
    guard prefix.isEmpty || prefix.hasSuffix("/") else {
      throw s3.error(.outOfRange, "prefix", "must end in /")
    }
    self = .s3(
      S3(
        endpoint: endpoint, bucket: try s3.string("bucket"),
        region: try s3.string("region", default: "us-east-1"), style: style, prefix: prefix,
        credentialsFile: try s3.string("credentials_file")))
  }

  /// As a process's configuration file says it; a directory's path is made absolute.
  func json(keyFile: String, dataDirectory: String) -> JSON {
    switch self {
    case .directory(let path):
      let place = path.hasPrefix("/") ? path : "\(dataDirectory)/\(path)"
      return ["directory": JSON(place), "key_file": JSON(keyFile)]
    case .s3(let s3):
      return [
        "s3": [
          "endpoint": JSON(s3.endpoint), "bucket": JSON(s3.bucket), "region": JSON(s3.region),
          "style": JSON(s3.style.rawValue), "prefix": JSON(s3.prefix),
          "credentials_file": JSON(s3.credentialsFile),
        ], "key_file": JSON(keyFile),
      ]
    }
  }

  /// The store itself.
  func store() throws(CommandFailure) -> any ObjectStore {
    switch self {
    case .directory(let path):
      return DirectoryStore(root: path, files: LiveFileSystem(), random: LiveRandomSource())
    case .s3(let s3):
      guard let (scheme, host) = S3Configuration.endpoint(s3.endpoint) else {
        throw CommandFailure(.usage, code: "invalid_endpoint", detail: s3.endpoint)
      }
      guard let content = try PrivateFile.read(s3.credentialsFile) else {
        throw CommandFailure(
          .refused, code: "credentials_missing", detail: "there is no \(s3.credentialsFile)")
      }
      let lines = String(decoding: content, as: UTF8.self).split(whereSeparator: \.isNewline)
      guard lines.count >= 2 else {
        throw CommandFailure(
          .refused, code: "credentials_malformed",
          detail: "\(s3.credentialsFile) must hold the access key and the secret key, a line each")
      }
      return S3Store(
        S3Configuration(
          scheme: scheme, host: host, bucket: s3.bucket, region: s3.region, style: s3.style,
          prefix: s3.prefix, accessKey: String(lines[0]), secretKey: String(lines[1])),
        clock: LiveWallClock())
    }
  }

  /// The archive that a process's file names, with its key checked against the recorded one; nil
  /// where it names none.
  static func archive(
    _ node: ConfigurationNode, dataDirectory: String
  ) throws -> Archive? {
    do {
      guard let child = try node.child("archive") else {
        try ArchiveKeyRecord.check(nil, dataDirectory: dataDirectory)
        return nil
      }
      let settings = try ArchiveSettings(child)
      let keys = try ArchiveKeyFile.require(try child.string("key_file"))
      try ArchiveKeyRecord.check(keys, dataDirectory: dataDirectory)
      return Archive(
        objects: try settings.store(), keys: ArchiveKeyRing(keys), random: LiveRandomSource())
    } catch let error as ConfigurationError {
      throw error.failure
    }
  }

  /// Looks at the key file that a process's file names for its archive; nil where it has none.
  static func keyFileWatch(
    _ node: ConfigurationNode, _ archive: Archive?, dataDirectory: String, logger: Logger
  ) throws(CommandFailure) -> KeyFileWatch? {
    guard let archive else { return nil }
    do throws(ConfigurationError) {
      return KeyFileWatch(
        path: try node.requiredChild("archive").string("key_file"), archive: archive.sealer.keys,
        dataDirectory: dataDirectory, logger: logger)
    } catch {
      throw error.failure
    }
  }
}
