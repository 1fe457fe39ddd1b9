import CZlib
import Cryptography
import Platform
import Storage
import Wire

/// The form of every object: compressed, then sealed with AES-256-GCM under a key of its own.
///
/// Header: magic, u16 version, u16 zero, 16 bytes deployment, 8 bytes key id, 32 bytes salt, u64
/// bytes of content, u64 bytes of the sealed body, u16 and text of the name, CRC-32 of all before.
/// The whole header is authenticated with the body (which ends in 16 bytes of tag). Integers are
/// little-endian. The nonce is zero: no key seals two objects, its salt is random.
public struct ObjectSealer: Sendable {
  /// Longest content of one object.
  public static let contentBytes = 64 * 1_024 * 1_024
  static let magic = Array("AIMSARC1".utf8)
  static let version: UInt16 = 1
  private static let fixedLength = 8 + 2 + 2 + 16 + 8 + 32 + 8 + 8 + 2
  private static let keyID = 28..<36
  private static let saltLength = 32
  private static let tagLength = AuthenticatedCipher.tagBytes

  public let keys: ArchiveKeyRing
  private let random: any RandomSource

  public init(keys: ArchiveKeyRing, random: any RandomSource) {
    self.keys = keys
    self.random = random
  }

  /// Seals content under the name that it will be stored as.
  public func seal(_ content: [UInt8], as name: String) -> [UInt8] {
    precondition(content.count <= Self.contentBytes, "an object holds at most 64 MiB")
    let key = keys.keys.newest
    let salt = random.bytes(Self.saltLength)
    let packed = Self.compress(content)
    var header = Self.magic
    append(Self.version, to: &header)
    append(UInt16(0), to: &header)
    header += ArchiveHex.decode(key.deployment) ?? []
    header += ArchiveHex.decode(key.id) ?? []
    header += salt
    append(UInt64(content.count), to: &header)
    append(UInt64(packed.count + Self.tagLength), to: &header)
    append(UInt16(name.utf8.count), to: &header)
    header += Array(name.utf8)
    append(CRC32.of(header), to: &header)
    let cipher = AuthenticatedCipher(key: key.objectKey(salt: salt))
    return header + cipher.seal(packed, bound: header, nonce: Self.nonce)
  }

  /// The content of an object that was read under `name`; throws ``ArchiveError``, which says what
  /// is wrong.
  public func open(_ object: [UInt8], as name: String) throws(ArchiveError) -> [UInt8] {
    guard object.count >= Self.fixedLength else {
      throw object.starts(with: Self.magic.prefix(object.count))
        ? .truncated(name: name) : .notAnObject(name: name)
    }
    guard object.starts(with: Self.magic) else { throw .notAnObject(name: name) }
    let version = integer(UInt16.self, object, 8)
    let nameLength = Int(integer(UInt16.self, object, Self.fixedLength - 2))
    let headerLength = Self.fixedLength + nameLength + 4
    guard object.count >= headerLength else { throw .truncated(name: name) }
    let crc = integer(UInt32.self, object, headerLength - 4)
    guard CRC32.of(Array(object[..<(headerLength - 4)])) == crc else {
      throw .damaged(name: name, detail: "the header's checksum is wrong")
    }
    guard version == Self.version else {
      throw .damaged(name: name, detail: "format \(version) is unknown here")
    }
    let found = String(
      decoding: object[Self.fixedLength..<(Self.fixedLength + nameLength)], as: UTF8.self)
    guard found == name else { throw .swapped(name: name, found: found) }
    let deployment = ArchiveHex.encode(Array(object[12..<28]))
    let keys = keys.keys
    guard deployment == keys.deployment else {
      throw .otherDeployment(name: name, found: deployment)
    }
    let keyID = ArchiveHex.encode(Array(object[Self.keyID]))
    guard let key = keys.key(keyID) else { throw .wrongKey(name: name, found: keyID) }
    let bodyLength = integer(UInt64.self, object, 76)
    guard UInt64(object.count - headerLength) >= bodyLength else { throw .truncated(name: name) }
    let contentLength = integer(UInt64.self, object, 68)
    guard UInt64(object.count - headerLength) == bodyLength, bodyLength >= Self.tagLength,
      contentLength <= Self.contentBytes
    else { throw .damaged(name: name, detail: "its lengths do not agree") }
    guard
      let packed = AuthenticatedCipher(key: key.objectKey(salt: Array(object[36..<68]))).open(
        Array(object[headerLength...]), bound: Array(object[..<headerLength]), nonce: Self.nonce)
    else { throw .damaged(name: name, detail: "it is not what was sealed") }
    guard let content = Self.decompress(packed, length: Int(contentLength)) else {
      throw .damaged(name: name, detail: "it does not decompress")
    }
    return content
  }

  /// The name of the key that an object says it is sealed with; nil for what is no object.
  public static func keyID(of object: [UInt8]) -> String? {
    guard object.count >= fixedLength, object.starts(with: magic) else { return nil }
    return ArchiveHex.encode(Array(object[keyID]))
  }

  private func append<T: FixedWidthInteger>(_ value: T, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
  }

  private func integer<T: FixedWidthInteger>(_: T.Type, _ bytes: [UInt8], _ offset: Int) -> T {
    bytes.withUnsafeBytes {
      T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self))
    }
  }

  // zlib at its fastest: the archive must keep up with the journal on a busy machine.
  private static func compress(_ content: [UInt8]) -> [UInt8] {
    var length = compressBound(UInt(content.count))
    return [UInt8](unsafeUninitializedCapacity: Int(length)) { buffer, filled in
      let status = compress2(buffer.baseAddress, &length, content, UInt(content.count), 1)
      precondition(status == Z_OK, "zlib refused a buffer of the size that it asked for")
      filled = Int(length)
    }
  }

  private static func decompress(_ packed: [UInt8], length: Int) -> [UInt8]? {
    var filledLength = UInt(length)
    var status = Z_OK
    // zlib wants an address, also for nothing.
    let content = [UInt8](unsafeUninitializedCapacity: max(length, 1)) { buffer, filled in
      status = uncompress(buffer.baseAddress, &filledLength, packed, UInt(packed.count))
      filled = status == Z_OK ? Int(filledLength) : 0
    }
    return status == Z_OK && content.count == length ? content : nil
  }

  /// A key seals one object only.
  private static let nonce = [UInt8](repeating: 0, count: AuthenticatedCipher.nonceBytes)
}
