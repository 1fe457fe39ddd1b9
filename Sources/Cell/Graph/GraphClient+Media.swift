import Foundation
import Wire

/// A media object as Graph describes it.
///
/// `url` is valid for five minutes and needs the token.
public struct GraphMedia: Hashable, Sendable, Decodable {
  public let id: String?
  public let url: String
  public let mime_type: String?
  public let sha256: String?
  public let file_size: Int?
}

extension GraphClient {
  /// Uploads bytes; the id answered may be used in messages for 30 days.
  public func uploadMedia(
    _ bytes: [UInt8], mimeType: String, fileName: String, number phoneNumberID: String,
    token: String, traceID: String
  ) async throws(Failure) -> String {
    guard bytes.count <= configuration.mediaBytes else {
      throw Failure(.bodyTooLarge, "media are at most \(configuration.mediaBytes) bytes")
    }
    let form = MultipartForm(
      boundary: "aimstors-\(traceID)",
      fields: [("messaging_product", "whatsapp"), ("type", mimeType)],
      file: .init(name: fileName, mimeType: mimeType, bytes: bytes))
    return try await decode(
      Uploaded.self,
      request(
        "POST", configuration.url("\(phoneNumberID)/media"), token: token, traceID: traceID,
        contentType: form.contentType, body: form.body, isMedia: true)
    ).id
  }

  public func mediaInfo(
    _ id: String, token: String, traceID: String
  ) async throws(Failure) -> GraphMedia {
    try await decode(GraphMedia.self, get(id, token: token, traceID: traceID))
  }

  /// The bytes behind a media id: asks for a fresh address, then fetches it with the token.
  public func downloadMedia(
    _ id: String, token: String, traceID: String
  ) async throws(Failure) -> (media: GraphMedia, bytes: [UInt8]) {
    let media = try await mediaInfo(id, token: token, traceID: traceID)
    let answer = try await call(
      request("GET", media.url, token: token, traceID: traceID, isMedia: true))
    return (media, answer.body)
  }
}

private struct Uploaded: Decodable { let id: String }

/// A `multipart/form-data` body with one file.
struct MultipartForm {
  struct File {
    let name: String
    let mimeType: String
    let bytes: [UInt8]
  }
  let contentType: String
  let body: [UInt8]

  init(boundary: String, fields: [(name: String, value: String)], file: File) {
    var text = ""
    for field in fields {
      text += "--\(boundary)\r\nContent-Disposition: form-data; name=\"\(field.name)\"\r\n\r\n"
      text += "\(field.value)\r\n"
    }
    let safeName = String(file.name.map { $0 == "\"" || $0.isNewline ? "_" : $0 })
    text += "--\(boundary)\r\n"
    text += "Content-Disposition: form-data; name=\"file\"; filename=\"\(safeName)\"\r\n"
    text += "Content-Type: \(file.mimeType)\r\n\r\n"
    contentType = "multipart/form-data; boundary=\(boundary)"
    body = Array(text.utf8) + file.bytes + Array("\r\n--\(boundary)--\r\n".utf8)
  }
}
