/// The limits of a message's body: lengths, counts and required members of every type.
enum MessageCheck {
  static let textLength = 4096
  static let captionLength = 1024
  static let callbackDataLength = 512
  private static let mediaTypes: Set<String> = ["image", "video", "audio", "document", "sticker"]

  /// Checks everything that needs no memory of the account.
  ///
  /// `media` tells whether an id exists.
  static func check(
    _ body: JSON, type: String, hasMedia: (String) -> Bool
  ) throws(GraphError) {
    if let data = body["biz_opaque_callback_data"] {
      guard let text = data.string, text.utf8.count <= callbackDataLength else {
        throw .invalidParameter("biz_opaque_callback_data must be a string of at most 512")
      }
    }
    if let context = body["context"], context["message_id"]?.string == nil {
      throw .missingParameter("context.message_id")
    }
    guard let content = body[type] else { throw .missingParameter(type) }
    switch type {
    case "text":
      try length(content["body"], "text.body", 1...textLength)
    case "template":
      try template(content)
    case "interactive":
      try InteractiveCheck.check(content)
    case "reaction":
      guard content["message_id"]?.string?.isEmpty == false else {
        throw .missingParameter("reaction.message_id")
      }
      guard content["emoji"]?.string != nil else { throw .missingParameter("reaction.emoji") }
    case "location":
      guard let latitude = content["latitude"].flatMap(coordinate),
        let longitude = content["longitude"].flatMap(coordinate),
        abs(latitude) <= 90, abs(longitude) <= 180
      else { throw .invalidValue("location needs latitude and longitude") }
    case "contacts":
      guard let cards = content.array, !cards.isEmpty,
        cards.allSatisfy({ $0["name"]?["formatted_name"]?.string != nil })
      else { throw .invalidValue("contacts needs cards with name.formatted_name") }
    case _ where mediaTypes.contains(type):
      try media(content, type, hasMedia)
    default:
      throw GraphError(131051, 400, "Unsupported message type", details: type)
    }
  }

  /// Libraries write coordinates as numbers or as text.
  private static func coordinate(_ value: JSON) -> Double? {
    value.number ?? value.string.flatMap { Double($0) }
  }

  private static func template(_ content: JSON) throws(GraphError) {
    guard let name = content["name"]?.string, !name.isEmpty else {
      throw .missingParameter("template.name")
    }
    guard content["language"]?["code"]?.string?.isEmpty == false else {
      throw .missingParameter("template.language.code")
    }
    guard name.utf8.count <= 512 else { throw .invalidValue("template.name is too long") }
    for component in content["components"]?.array ?? [] {
      for parameter in component["parameters"]?.array ?? [] {
        guard parameter["type"]?.string != nil else {
          throw .missingParameter("template.components.parameters.type")
        }
        if let text = parameter["text"]?.string {
          guard !text.contains("\n"), !text.contains("\t"), !text.contains("     ") else {
            throw GraphError(
              132018, 400, "Template parameter value is not valid",
              details: "Param text cannot have new-line/tab characters or more than 4 spaces")
          }
        }
      }
    }
  }

  private static func media(
    _ content: JSON, _ type: String, _ hasMedia: (String) -> Bool
  ) throws(GraphError) {
    if let id = content["id"]?.text {
      guard hasMedia(id) else {
        throw GraphError(
          131053, 400, "Media upload error", details: "Media \(id) does not exist or has expired")
      }
    } else if let link = content["link"]?.string {
      guard link.hasPrefix("https://") || link.hasPrefix("http://") else {
        throw .invalidValue("\(type).link is not an address")
      }
    } else {
      throw .missingParameter("\(type).id")
    }
    if let caption = content["caption"], !caption.isNull {
      guard type != "audio", type != "sticker" else {
        throw .invalidParameter("\(type) takes no caption")
      }
      try length(caption, "\(type).caption", 0...captionLength)
    }
  }

  static func length(
    _ value: JSON?, _ name: String, _ allowed: ClosedRange<Int>
  ) throws(GraphError) {
    guard let value, !value.isNull else { throw .missingParameter(name) }
    guard let text = value.string else { throw .invalidValue("\(name) must be a string") }
    guard allowed.contains(text.count) else {
      throw GraphError(
        100, 400, "Invalid parameter",
        details: "\(name) must have \(allowed.lowerBound) to \(allowed.upperBound) characters")
    }
  }
}
