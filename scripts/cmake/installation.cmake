# cmake --install gives bin/, lib/ and configs/ that can be moved as a whole.
set_target_properties(defound ${tools} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib;$ORIGIN;${TORCH_ROOT}/lib")
install(TARGETS defound ${tools} RUNTIME DESTINATION bin LIBRARY DESTINATION lib)
install(DIRECTORY include/defound DESTINATION include)
install(DIRECTORY configs DESTINATION share/defound)
if(DEFOUND_BUNDLE_TORCH)
  file(GLOB bundled ${TORCH_ROOT}/lib/libgomp*.so* ${TORCH_ROOT}/lib/libtorch_global_deps.so)
  install(FILES ${torch_libraries} ${bundled} DESTINATION lib)
endif()
