import GraphSimulator
import Platform

/// The secrets that the first run of a data directory makes, and every later one uses again.
struct LocalSecrets: Hashable {
  /// Proves processes to each other; 64 hexadecimal digits in the file.
  let deploymentKeyFile: String
  /// Seals secrets at rest; 64 hexadecimal digits in the file.
  let sealingKeyFile: String
  /// Seals the archive; see ``ArchiveKeyFile``.
  let archiveKeyFile: String
  let deploymentKey: [UInt8]
  let graphToken: String
  let appSecret: String
  let verifyToken: String
  /// Nil until the first operator has been created.
  var adminToken: String?

  static let appName = "default"

  init(
    deploymentKeyFile: String, sealingKeyFile: String, archiveKeyFile: String = "",
    deploymentKey: [UInt8], graphToken: String,
    appSecret: String, verifyToken: String, adminToken: String?
  ) {
    self.deploymentKeyFile = deploymentKeyFile
    self.sealingKeyFile = sealingKeyFile
    self.archiveKeyFile = archiveKeyFile
    self.deploymentKey = deploymentKey
    self.graphToken = graphToken
    self.appSecret = appSecret
    self.verifyToken = verifyToken
    self.adminToken = adminToken
  }
  private static let keyBytes = 32

  /// Reads `keys/` of the data directory, making what is missing.
  init(
    directory: String, environment: Environment, random: any RandomSource
  ) throws(CommandFailure) {
    let keys = directory + "/keys"
    try PrivateFile.createDirectory(keys)
    deploymentKeyFile = keys + "/deployment.key"
    sealingKeyFile = environment["AIMSTORS_KEY_FILE"] ?? keys + "/sealing.key"
    deploymentKey = try Self.key(deploymentKeyFile, random, mayMake: true)
    if try SealingKeyFile.read(sealingKeyFile) == nil {
      _ = try Self.key(
        sealingKeyFile, random, mayMake: environment["AIMSTORS_KEY_FILE"] == nil)
    }
    archiveKeyFile = keys + "/archive.key"
    let stored = try Self.stored(keys)
    if try ArchiveKeyFile.read(archiveKeyFile) == nil, try !ArchiveKeyFile.wasMade(archiveKeyFile) {
      try ArchiveKeyFile.make(archiveKeyFile, random: random)
    }
    graphToken = stored?["graph_token"]?.string ?? "EAAsim" + Self.hex(random.bytes(24))
    appSecret =
      environment["AIMSTORS_META_APP_SECRET"] ?? stored?["app_secret"]?.string
      ?? Self.hex(random.bytes(16))
    verifyToken =
      environment["AIMSTORS_META_VERIFY_TOKEN"] ?? stored?["verify_token"]?.string
      ?? Self.hex(random.bytes(12))
    adminToken = stored?["admin_token"]?.string
    try save(directory)
  }

  /// Keeps the secrets for the next run.
  func save(_ directory: String) throws(CommandFailure) {
    let content: JSON = [
      "graph_token": JSON(graphToken), "app_secret": JSON(appSecret),
      "verify_token": JSON(verifyToken), "admin_token": adminToken.map { JSON($0) } ?? .null,
    ]
    try PrivateFile.write(content.bytes(), to: directory + "/keys/secrets.json")
  }

  private static func stored(_ keys: String) throws(CommandFailure) -> JSON? {
    guard let bytes = try PrivateFile.read(keys + "/secrets.json") else { return nil }
    guard let json = try? JSON(parsing: bytes) else {
      throw CommandFailure(
        .refused, code: "secrets_unreadable", detail: "\(keys)/secrets.json is not JSON")
    }
    return json
  }

  private static func key(
    _ path: String, _ random: any RandomSource, mayMake: Bool
  ) throws(CommandFailure) -> [UInt8] {
    if let bytes = try KeyFile.read(path) { return bytes }
    guard mayMake else {
      throw CommandFailure(.refused, code: "key_file_missing", detail: "there is no \(path)")
    }
    let bytes = random.bytes(keyBytes)
    try PrivateFile.write(Array((hex(bytes) + "\n").utf8), to: path)
    return bytes
  }

  static func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef")
    return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }
}

/// A key of 32 bytes as 64 hexadecimal digits.
enum KeyFile {
  /// Nil where there is no file; throws where it is not a key.
  static func read(_ path: String) throws(CommandFailure) -> [UInt8]? {
    guard let content = try PrivateFile.read(path) else { return nil }
    let digits = content.filter { !$0.isSpace }
    guard digits.count == 64 else { throw malformed(path) }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: 64, by: 2) {
      let pair = String(decoding: digits[index...index + 1], as: UTF8.self)
      guard let byte = UInt8(pair, radix: 16) else { throw malformed(path) }
      bytes.append(byte)
    }
    return bytes
  }

  static func require(_ path: String) throws(CommandFailure) -> [UInt8] {
    guard let bytes = try read(path) else {
      throw CommandFailure(.refused, code: "key_file_missing", detail: "there is no \(path)")
    }
    return bytes
  }

  private static func malformed(_ path: String) -> CommandFailure {
    CommandFailure(
      .refused, code: "key_file_malformed", detail: "\(path) must hold 64 hexadecimal digits")
  }
}

extension UInt8 {
  fileprivate var isSpace: Bool { self == 10 || self == 13 || self == 32 }
}
