"""What the API answers instead of doing what it was asked: a code, a status, and one message or several, in each of the forms that clients meet."""
import secrets
import xml.etree.ElementTree as tree

NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"


class Refusal(Exception):
    def __init__(self, code, *messages, status=400):
        super().__init__(code, *messages)
        self.code, self.messages, self.status = code, list(messages), status

    @property
    def message(self):
        """As one text: several are in brackets."""
        return self.messages[0] if len(self.messages) == 1 else "[" + ", ".join(self.messages) + "]"


def add(parent, name, text=None):
    child = tree.SubElement(parent, name)
    child.text = text
    return child


def written(root):
    return b'<?xml version="1.0"?>\n' + tree.tostring(root)


def error_response(refusal, request_id, namespace=NAMESPACE):
    """The usual form."""
    root = tree.Element("ErrorResponse", xmlns=namespace)
    error = add(root, "Error")
    add(error, "Type", "Sender" if refusal.status < 500 else "Receiver")
    add(error, "Code", refusal.code)
    add(error, "Message", refusal.message)
    add(root, "RequestId", request_id)
    return written(root)


def messages(refusal, request_id):
    """That of a change batch: the root is the code, and every message has an element of its own."""
    root = tree.Element(refusal.code, xmlns=NAMESPACE)
    listed = add(root, "Messages")
    for one in refusal.messages:
        add(listed, "Message", one)
    add(root, "RequestId", request_id)
    return written(root)


def bare(refusal, _request_id):
    """That of the layer in front: the root is the code, without a namespace."""
    root = tree.Element(refusal.code)
    add(root, "Message", refusal.message)
    return tree.tostring(root)


def new_request_id():
    text = secrets.token_hex(16)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
