// Files on their way into the sandbox: as the control API takes them.

const MOST = 20 * 1024 * 1024; // bytes; neither platform carries more

/** `{name, content_base64, type}` of a File; refuses what no platform would take. */
export async function attachmentOf(file) {
  if (file.size > MOST) throw new Error(`${file.name} 超过 20 MB，平台不收`);
  if (file.size === 0) throw new Error(`${file.name} 是空的`);
  const url = await dataUrl(file);
  return { name: file.name, content_base64: url.slice(url.indexOf(",") + 1), type: file.type };
}

function dataUrl(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}
