// Interface texts. Missing languages fall back to English.
const TEXTS = {
  en: {
    images: "Images", view: "View", zoomIn: "Zoom in", zoomOut: "Zoom out", whole: "Whole image", fitHeight: "Fit height",
    fitWidth: "Fit width", rotate: "Rotate", fullScreen: "Full screen", leaveFullScreen: "Leave full screen",
    onePage: "One page", twoPages: "Two pages", previous: "Previous image", next: "Next image", position: "{n} of {total}",
    scale: "Screen pixels for each image pixel", download: "Download", embed: "Embed", copyLink: "Copy link", details: "Details",
    close: "Close", copy: "Copy", copied: "Copied", press: "Press Ctrl+C", license: "License", credit: "Credit",
    identifier: "Identifier", size: "Size", megapixels: "Megapixels", tiles: "Tiles", objects: "Objects", bytes: "Bytes",
    info: "Image information (IIIF)", zoomable: "Zoomable", picture: "Picture", code: "HTML code", pixels: "{size} pixels",
    loading: "Loading {title}", shown: "{title} is shown", retry: "Try again",
    imageFailed: "This image could not be loaded.", tilesFailed: "Some parts of the image could not be loaded.",
    elsewhere: "The parts of this image are loaded from {base}, as its info.json says.", empty: "No images are shown here yet.",
    preparing: "Preparing images…", progress: "{done} of {total} images are ready", failures: "{n} failed",
    ended: "The preview has ended. Start it again to go on.",
    keys: "arrow keys move, plus and minus zoom, 0 shows the whole image, R rotates, Page Down shows the next image",
  },
  de: {
    images: "Bilder", view: "Ansicht", zoomIn: "Vergrößern", zoomOut: "Verkleinern", whole: "Ganzes Bild", fitHeight: "Ganze Höhe",
    fitWidth: "Ganze Breite", rotate: "Drehen", fullScreen: "Vollbild", leaveFullScreen: "Vollbild beenden",
    onePage: "Einzelseite", twoPages: "Doppelseite", previous: "Voriges Bild", next: "Nächstes Bild", position: "{n} von {total}",
    scale: "Bildschirmpixel je Bildpixel", download: "Herunterladen", embed: "Einbetten", copyLink: "Link kopieren", details: "Details",
    close: "Schließen", copy: "Kopieren", copied: "Kopiert", press: "Strg+C drücken", license: "Lizenz", credit: "Nachweis",
    identifier: "Kennung", size: "Größe", megapixels: "Megapixel", tiles: "Kacheln", objects: "Dateien", bytes: "Umfang",
    info: "Bildbeschreibung (IIIF)", zoomable: "Mit Zoom", picture: "Als Bild", code: "HTML-Code", pixels: "{size} Pixel",
    loading: "{title} wird geladen", shown: "{title} wird gezeigt", retry: "Erneut versuchen",
    imageFailed: "Dieses Bild konnte nicht geladen werden.", tilesFailed: "Teile des Bildes konnten nicht geladen werden.",
    elsewhere: "Die Teile dieses Bildes kommen von {base}, wie es in der info.json steht.", empty: "Hier sind noch keine Bilder.",
    preparing: "Bilder werden vorbereitet …", progress: "{done} von {total} Bildern sind fertig", failures: "{n} fehlgeschlagen",
    ended: "Die Vorschau ist beendet. Starten Sie sie erneut.",
    keys: "Pfeiltasten verschieben, Plus und Minus zoomen, 0 zeigt das ganze Bild, R dreht, Bild ab zeigt das nächste Bild",
  },
  fr: {
    images: "Images", view: "Affichage", zoomIn: "Agrandir", zoomOut: "Réduire", whole: "Image entière", fitHeight: "Toute la hauteur",
    fitWidth: "Toute la largeur", rotate: "Pivoter", fullScreen: "Plein écran", leaveFullScreen: "Quitter le plein écran",
    onePage: "Une page", twoPages: "Deux pages", previous: "Image précédente", next: "Image suivante", position: "{n} sur {total}",
    scale: "Pixels d’écran par pixel d’image", download: "Télécharger", embed: "Intégrer", copyLink: "Copier le lien", details: "Détails",
    close: "Fermer", copy: "Copier", copied: "Copié", press: "Appuyez sur Ctrl+C", license: "Licence", credit: "Crédit",
    identifier: "Identifiant", size: "Dimensions", megapixels: "Mégapixels", tiles: "Tuiles", objects: "Fichiers", bytes: "Poids",
    info: "Description de l’image (IIIF)", zoomable: "Avec zoom", picture: "Image simple", code: "Code HTML", pixels: "{size} pixels",
    loading: "Chargement de {title}", shown: "{title} est affichée", retry: "Réessayer",
    imageFailed: "Cette image n’a pas pu être chargée.", tilesFailed: "Certaines parties de l’image n’ont pas pu être chargées.",
    elsewhere: "Les parties de cette image viennent de {base}, comme l’indique son info.json.", empty: "Aucune image pour l’instant.",
    preparing: "Préparation des images…", progress: "{done} images prêtes sur {total}", failures: "{n} en échec",
    ended: "L’aperçu est terminé. Relancez-le pour continuer.",
    keys: "les flèches déplacent, plus et moins zooment, 0 montre l’image entière, R pivote, Page suivante montre l’image suivante",
  },
  es: {
    images: "Imágenes", view: "Vista", zoomIn: "Ampliar", zoomOut: "Reducir", whole: "Imagen completa", fitHeight: "Toda la altura",
    fitWidth: "Todo el ancho", rotate: "Girar", fullScreen: "Pantalla completa", leaveFullScreen: "Salir de pantalla completa",
    onePage: "Una página", twoPages: "Dos páginas", previous: "Imagen anterior", next: "Imagen siguiente", position: "{n} de {total}",
    scale: "Píxeles de pantalla por píxel de imagen", download: "Descargar", embed: "Insertar", copyLink: "Copiar enlace", details: "Detalles",
    close: "Cerrar", copy: "Copiar", copied: "Copiado", press: "Pulse Ctrl+C", license: "Licencia", credit: "Crédito",
    identifier: "Identificador", size: "Tamaño", megapixels: "Megapíxeles", tiles: "Teselas", objects: "Archivos", bytes: "Peso",
    info: "Descripción de la imagen (IIIF)", zoomable: "Con zoom", picture: "Imagen simple", code: "Código HTML", pixels: "{size} píxeles",
    loading: "Cargando {title}", shown: "Se muestra {title}", retry: "Reintentar",
    imageFailed: "No se pudo cargar esta imagen.", tilesFailed: "No se pudieron cargar algunas partes de la imagen.",
    elsewhere: "Las partes de esta imagen vienen de {base}, como indica su info.json.", empty: "Aún no hay imágenes aquí.",
    preparing: "Preparando imágenes…", progress: "{done} de {total} imágenes listas", failures: "{n} con error",
    ended: "La vista previa ha terminado. Iníciela de nuevo para continuar.",
    keys: "las flechas mueven, más y menos amplían, 0 muestra la imagen completa, R gira, Av Pág muestra la imagen siguiente",
  },
};

/** Returns an element's interface language, and a function that returns a text with its values filled in. */
function textsFor(element) {
  const wanted = element.closest("[lang]")?.lang.toLowerCase().split("-")[0];
  const language = wanted in TEXTS ? wanted : "en";
  const text = (name, values = {}) => TEXTS[language][name].replace(/\{(\w+)\}/g, (_, value) => values[value]);
  return { language, text };
}
